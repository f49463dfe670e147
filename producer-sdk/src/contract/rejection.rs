//! Why a message cannot be understood: a closed list of codes, and a sentence that names the field.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The closed list of reasons for which a message is rejected (never retried, never recorded in the ledger).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RejectionCode {
    /// The body exceeds [`MAX_BODY_BYTES`](super::MAX_BODY_BYTES).
    TooLarge,
    /// The body is not JSON (or not UTF-8).
    NotJson,
    /// The body is JSON, but not an object.
    NotAnObject,
    /// Objects and arrays are nested deeper than [`MAX_NESTING`](super::MAX_NESTING).
    TooDeep,
    /// The body has more than [`MAX_FIELDS`](super::MAX_FIELDS) fields, or `metadata` holds more than
    /// [`MAX_METADATA_VALUES`](super::MAX_METADATA_VALUES) values.
    TooMany,
    /// A field is given twice.
    DuplicateField,
    /// `type` names no command (or no query).
    UnknownType,
    /// A field that this type of message does not have.
    UnknownField,
    /// A required field is absent.
    MissingField,
    /// A field has the wrong type, is out of range, or may not stand beside another.
    InvalidField,
    /// The command came through an exchange that may not carry it.
    ForbiddenExchange,
    /// The account that sent the message may not send it, or the message does not name the account.
    ForbiddenSender,
    /// The properties of the message cannot be read, so its body is not looked at.
    UnreadableProperties,
    /// A code this version does not know; only ever read from a newer worker's reply.
    #[serde(other)]
    Unknown,
}

impl RejectionCode {
    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::TooMany => "too_many",
            Self::DuplicateField => "duplicate_field",
            Self::UnknownType => "unknown_type",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::ForbiddenExchange => "forbidden_exchange",
            Self::ForbiddenSender => "forbidden_sender",
            Self::UnreadableProperties => "unreadable_properties",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that cannot be understood: the code, the field where one is to blame, and what was found and is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Which of the closed list of reasons.
    pub code: RejectionCode,
    /// The field, what was found, what is allowed; for people, never to be parsed.
    pub message: String,
    /// The field to blame, by its wire name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Rejection {
    pub(crate) fn of_body(code: RejectionCode, message: String) -> Self {
        Self {
            code,
            message,
            field: None,
        }
    }

    pub(crate) fn of_field(code: RejectionCode, field: &str, message: String) -> Self {
        Self {
            code,
            message,
            field: Some(field.to_owned()),
        }
    }

    /// "`field` is found; allowed is …".
    pub(crate) fn invalid(field: &str, found: impl fmt::Display, allowed: impl fmt::Display) -> Self {
        let message = format!("`{field}` is {found}; allowed is {allowed}");
        Self::of_field(RejectionCode::InvalidField, field, message)
    }

    pub(crate) fn missing(field: &str, of: &str, allowed: impl fmt::Display) -> Self {
        let message = format!("`{field}` is missing from `{of}`; allowed is {allowed}");
        Self::of_field(RejectionCode::MissingField, field, message)
    }
}
