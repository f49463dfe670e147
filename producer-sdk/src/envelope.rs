//! A command or query that is ready to be sent: checked, and with its body and properties.

use chrono::Utc;

use crate::contract::{Command, Query, headers};
use crate::error::Result;
use crate::message::Properties;

const JSON: &str = "application/json";

/// The body and properties of a message. The transport decides where it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) properties: Properties,
    pub(crate) body: Vec<u8>,
}

impl Envelope {
    /// Checks and encodes a command. If `occurredAt` is absent, it is set to the current time, so
    /// that a delayed command is judged by the time at which it happened.
    pub(crate) fn from_command(command: &Command) -> Result<Self> {
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

    /// Checks and encodes a query. The broker does not write queries to disk, because a client
    /// repeats them after a restart of the broker.
    pub(crate) fn from_query(query: &Query) -> Result<Self> {
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
