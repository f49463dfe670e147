//! Rejections: the reasons for which a message is not valid.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// The closed list of reasons for which a message is rejected. A rejected message is not retried
/// and not recorded in the ledger.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// The body has more than [`MAX_FIELDS`](super::MAX_FIELDS) fields, or `metadata` holds more
    /// than [`MAX_METADATA_VALUES`](super::MAX_METADATA_VALUES) values.
    TooMany,
    /// A field occurs twice.
    DuplicateField,
    /// `type` names no command (or no query).
    UnknownType,
    /// A field that this type of message does not have.
    UnknownField,
    /// A required field is absent.
    MissingField,
    /// A field has the wrong type, is out of range, or cannot be used with another field.
    InvalidField,
    /// The command was sent to an exchange that does not allow it.
    ForbiddenExchange,
    /// The sender is not allowed to send this message, or the message does not name its sender.
    ForbiddenSender,
    /// The properties of the message cannot be read, so the body is not examined.
    UnreadableProperties,
    /// A code that this version does not know. It occurs only in the replies of a newer worker.
    #[serde(other)]
    Unknown,
}

impl RejectionCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The reason why a message is not valid: a code, a sentence, and the field that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct Rejection {
    /// The code of the reason.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub code: RejectionCode,
    /// A sentence for people: the field, what is allowed and what was found. Programs must not
    /// parse it.
    pub message: String,
    /// The wire name of the field that caused the rejection. `None` if the whole body is wrong.
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

    /// "`field` must be {allowed}, got {found}".
    pub(crate) fn invalid(
        field: &str,
        found: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Self {
        let message = format!("`{field}` must be {allowed}, got {found}");
        Self::of_field(RejectionCode::InvalidField, field, message)
    }

    /// "`field` cannot be used with `other`; use only one of them".
    pub(crate) fn not_with(field: &str, other: &str) -> Self {
        let message = format!("`{field}` cannot be used with `{other}`; use only one of them");
        Self::of_field(RejectionCode::InvalidField, field, message)
    }

    /// "`field` is missing from `kind`; it must be {allowed}".
    pub(crate) fn missing(field: &str, kind: &str, allowed: impl fmt::Display) -> Self {
        let message = format!("`{field}` is missing from `{kind}`; it must be {allowed}");
        Self::of_field(RejectionCode::MissingField, field, message)
    }
}
