//! A command or query made ready for sending: checked, stamped, with the properties that go beside the body.

use chrono::Utc;

use crate::contract::{Command, Query, headers};
use crate::error::Result;
use crate::message::Properties;

const JSON: &str = "application/json";

/// Body and properties; where it goes is the transport's business.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) properties: Properties,
    pub(crate) body: Vec<u8>,
}

impl Envelope {
    /// `occurredAt` is stamped if it is absent, so that a command that waits somewhere is judged by when it happened.
    pub(crate) fn of_command(command: &Command) -> Result<Self> {
        command.check()?;
        let now = Utc::now();
        let body = match command.occurred_at {
            Some(_) => command.to_json(),
            None => command.clone().occurred_at(now).to_json(),
        };
        let trace = command.traceparent.as_deref();
        let properties = Properties {
            persistent: true,
            message_id: Some(command.reference_id.clone()),
            kind: Some(command.kind().as_str().to_owned()),
            content_type: Some(JSON.to_owned()),
            timestamp: u64::try_from(now.timestamp()).ok(),
            headers: trace
                .map(|trace| (headers::TRACEPARENT.to_owned(), trace.into()))
                .into_iter()
                .collect(),
            ..Properties::default()
        };
        Ok(Self { properties, body })
    }

    /// Queries are not written to disk: nobody asks them again after a restart.
    pub(crate) fn of_query(query: &Query) -> Result<Self> {
        query.check()?;
        let properties = Properties {
            kind: Some(query.kind().to_owned()),
            content_type: Some(JSON.to_owned()),
            timestamp: u64::try_from(Utc::now().timestamp()).ok(),
            ..Properties::default()
        };
        Ok(Self {
            properties,
            body: query.to_json(),
        })
    }
}
