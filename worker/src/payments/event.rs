//! An event as a provider sends it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Provider, fields::Fields};

const MAX_ID: usize = 255;
const MAX_KIND: usize = 100;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub provider: Provider,
    /// The provider's id of the event.
    pub id: String,
    /// The provider's name of what happened.
    pub kind: String,
    /// When it happened.
    pub created: Option<DateTime<Utc>>,
    /// The whole body.
    pub json: Value,
}

/// Why a body is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The body is not JSON, or has a text that no database can store.
    #[error("the body is not JSON in UTF-8")]
    NotJson,
    /// A field is missing or wrong.
    #[error("`{field}` must be a text of 1 to {max} bytes")]
    Field { field: &'static str, max: usize },
}

impl Event {
    /// Reads the envelope of an event.
    pub fn read(provider: Provider, body: &str) -> Result<Self, EventError> {
        let json: Value = serde_json::from_str(body).map_err(|_| EventError::NotJson)?;
        if body.contains('\0') {
            return Err(EventError::NotJson);
        }
        let fields = Fields(&json);
        let (kind, created) = match provider {
            Provider::Stripe => ("type", fields.seconds("created")),
            Provider::Creem => ("eventType", fields.instant("created_at")),
        };
        let text = |field: &'static str, max| {
            let text = fields.text(field);
            let text = text.filter(|text| text.len() <= max && !text.contains('\0'));
            text.map(ToOwned::to_owned)
                .ok_or(EventError::Field { field, max })
        };
        Ok(Self {
            provider,
            id: text("id", MAX_ID)?,
            kind: text(kind, MAX_KIND)?,
            created,
            json,
        })
    }

    /// The object that the event is about.
    pub fn object(&self) -> Fields<'_> {
        let path = match self.provider {
            Provider::Stripe => "data.object",
            Provider::Creem => "object",
        };
        Fields(&self.json).at(path).unwrap_or(Fields(&Value::Null))
    }
}
