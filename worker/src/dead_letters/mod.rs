//! Dead letters as operators see them, for both transports.

mod by_arrival;
mod cut;
mod summary;

use chrono::{DateTime, TimeDelta, Utc};
use producer_sdk::contract::Origin;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

pub(crate) use by_arrival::{Arrivals, ByArrival};
pub(crate) use cut::hexadecimal;
pub use cut::{CutBody, KEPT_BYTES};
pub use summary::{Summary, SummaryRow};

/// A message that was dead-lettered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The reference of the command, from the body or the properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// The type of the command.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The user whose wallet the command changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The broker account that sent the message; `None` if the message names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Why it was dead-lettered, as a code: the code of a rejection, `unapplied:{code}`, `poison`,
    /// or the broker's own reason.
    pub reason: String,
    /// Why, as text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The field that is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How often the message went through the delay queue.
    pub attempts: u32,
    /// When a worker first received the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<DateTime<Utc>>,
    /// When the message was dead-lettered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<DateTime<Utc>>,
    /// The origin of the first delivery.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "name_of")]
    pub origin: Option<Origin>,
    /// The original body, if only its beginning is kept. Such a dead letter cannot be replayed.
    #[serde(flatten)]
    pub cut: Option<CutBody>,
    /// The unchanged body of the message, or its beginning.
    #[serde(serialize_with = "text_of")]
    pub body: Vec<u8>,
}

#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for it"
)]
fn name_of<S: Serializer>(origin: &Option<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
    origin.map(Origin::as_str).serialize(serializer)
}

#[allow(clippy::ref_option, reason = "serde asks for it")]
fn seconds_of<S: Serializer>(length: &Option<TimeDelta>, serializer: S) -> Result<S::Ok, S::Error> {
    length
        .map(|length| length.num_seconds())
        .serialize(serializer)
}

fn text_of<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    String::from_utf8_lossy(body).serialize(serializer)
}

/// The fields of a body that identify its command, as far as they can be read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BodyFields {
    #[serde(rename = "type")]
    kind: Value,
    reference_id: Value,
    user_id: Value,
}

impl DeadLetter {
    /// A dead letter with this body and the fields that can be read from it.
    pub fn from_body(body: Vec<u8>) -> Self {
        let fields: BodyFields = serde_json::from_slice(&body).unwrap_or_default();
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        Self {
            reference_id: text(fields.reference_id),
            kind: text(fields.kind),
            user_id: text(fields.user_id),
            body,
            ..Self::default()
        }
    }
}

/// Selects dead letters. A dead letter must match every field that is set.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The reason, or the part before its colon: `unapplied` also matches
    /// `unapplied:unknown_package`.
    pub reason: Option<String>,
    /// The type of the command.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub user_id: Option<String>,
    pub reference_id: Option<String>,
    /// The broker account that sent the message.
    pub sender: Option<String>,
    /// Dead-lettered longer ago than this.
    #[serde(rename = "olderThanSeconds", serialize_with = "seconds_of")]
    pub older_than: Option<TimeDelta>,
    /// Dead-lettered no longer ago than this.
    #[serde(rename = "newerThanSeconds", serialize_with = "seconds_of")]
    pub newer_than: Option<TimeDelta>,
}

impl Filter {
    /// Whether no field is set, so that every dead letter matches.
    pub const fn is_empty(&self) -> bool {
        self.reason.is_none()
            && self.kind.is_none()
            && self.user_id.is_none()
            && self.reference_id.is_none()
            && self.sender.is_none()
            && self.older_than.is_none()
            && self.newer_than.is_none()
    }

    /// Whether a dead letter matches. If it is unknown when it was dead-lettered, no age matches.
    pub fn takes(&self, letter: &DeadLetter, now: DateTime<Utc>) -> bool {
        let same = |expected: &Option<String>, found: &Option<String>| {
            expected.is_none() || expected == found
        };
        let reason = self.reason.as_ref().is_none_or(|expected| {
            let rest = letter.reason.strip_prefix(expected.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        let age = letter.last_seen.map(|at| now - at);
        reason
            && same(&self.kind, &letter.kind)
            && same(&self.user_id, &letter.user_id)
            && same(&self.reference_id, &letter.reference_id)
            && same(&self.sender, &letter.sender)
            && self
                .older_than
                .is_none_or(|least| age.is_some_and(|age| age > least))
            && self
                .newer_than
                .is_none_or(|most| age.is_some_and(|age| age <= most))
    }
}

/// The operator's decision on a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The dead letter stays in the queue.
    Keep,
    /// The message goes back to its origin, unchanged.
    Replay,
    /// The dead letter is deleted.
    Drop,
}

/// The results of a command on dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Dead letters that were looked at.
    pub seen: u64,
    /// Dead letters that were replayed.
    pub replayed: u64,
    /// Dead letters that were deleted.
    pub dropped: u64,
    /// Dead letters that stay although they should be replayed: their origin is unknown, only their
    /// beginning is kept, or the broker did not accept them.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            reason: "unapplied:unknown_package".to_owned(),
            sender: Some("bridge".to_owned()),
            last_seen: "2026-11-24T10:00:00Z".parse().ok(),
            ..DeadLetter::from_body(
                br#"{"type":"purchase","referenceId":"pi_1","userId":"ada"}"#.to_vec(),
            )
        }
    }

    fn takes(filter: &Filter) -> bool {
        let now = "2026-11-24T12:00:00Z".parse().unwrap_or_default();
        filter.takes(&letter(), now)
    }

    #[test]
    fn the_fields_of_a_dead_letter_come_from_its_body_if_that_can_be_read() {
        let letter = letter();
        assert_eq!(letter.kind.as_deref(), Some("purchase"));
        assert_eq!(letter.reference_id.as_deref(), Some("pi_1"));
        for unreadable in [&b"no json"[..], b"[1]", br#"{"type":7}"#, &[0xff, 0xfe]] {
            let letter = DeadLetter::from_body(unreadable.to_vec());
            assert_eq!((letter.kind, letter.user_id), (None, None));
            assert_eq!(letter.body, unreadable);
        }
    }

    #[test]
    fn a_filter_takes_dead_letters_that_match_every_field() {
        let text = |text: &str| Some(text.to_owned());
        let all = Filter::default();
        assert!(all.is_empty() && takes(&all));
        let fits = Filter {
            reason: text("unapplied"),
            kind: text("purchase"),
            user_id: text("ada"),
            reference_id: text("pi_1"),
            sender: text("bridge"),
            older_than: Some(TimeDelta::hours(1)),
            newer_than: Some(TimeDelta::hours(3)),
        };
        assert!(!fits.is_empty() && takes(&fits));
        for wrong in [
            Filter {
                reason: text("unapplied:unknown_pack"),
                ..fits.clone()
            },
            Filter {
                kind: text("grant"),
                ..fits.clone()
            },
            Filter {
                user_id: text("bob"),
                ..fits.clone()
            },
            Filter {
                reference_id: text("pi_2"),
                ..fits.clone()
            },
            Filter {
                sender: text("app"),
                ..fits.clone()
            },
            Filter {
                older_than: Some(TimeDelta::hours(2)),
                ..fits.clone()
            },
            Filter {
                newer_than: Some(TimeDelta::hours(1)),
                ..fits.clone()
            },
        ] {
            assert!(!takes(&wrong), "{wrong:?}");
        }
    }
}
