//! Dead letters as operators look at them, whichever queue they are in.

mod by_arrival;
mod cut;
mod summary;

use chrono::{DateTime, TimeDelta, Utc};
use producer_sdk::contract::Door;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

pub(crate) use by_arrival::{Arrivals, ByArrival};
pub(crate) use cut::hexadecimal;
pub use cut::{CutBody, KEPT_BYTES};
pub use summary::{Summary, SummaryRow};

/// A message that was set aside.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// The caller's reference, if the body or the properties name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// The command's name.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whose wallet it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The account of the broker that sent it, where the message named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Why it was set aside: a rejection's code, `unapplied:{code}`, `poison`, or the broker's own reason.
    pub reason: String,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How often it went through the delay queue.
    pub attempts: u32,
    /// When a worker first saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<DateTime<Utc>>,
    /// When it was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<DateTime<Utc>>,
    /// The door it first came through.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "name_of")]
    pub door: Option<Door>,
    /// How long the body was, where only its beginning is kept. Such a letter cannot be replayed.
    #[serde(flatten)]
    pub cut: Option<CutBody>,
    /// The message, untouched, or its beginning.
    #[serde(serialize_with = "text_of")]
    pub body: Vec<u8>,
}

#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for it"
)]
fn name_of<S: Serializer>(door: &Option<Door>, serializer: S) -> Result<S::Ok, S::Error> {
    door.map(Door::as_str).serialize(serializer)
}

#[allow(clippy::ref_option, reason = "serde asks for it")]
fn seconds_of<S: Serializer>(length: &Option<TimeDelta>, serializer: S) -> Result<S::Ok, S::Error> {
    length.map(|length| length.num_seconds()).serialize(serializer)
}

fn text_of<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    String::from_utf8_lossy(body).serialize(serializer)
}

/// What a body says of itself, as far as it can be read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Said {
    #[serde(rename = "type")]
    kind: Value,
    reference_id: Value,
    user_id: Value,
}

impl Letter {
    /// A letter with that body; what the body says of itself is read from it.
    pub fn of(body: Vec<u8>) -> Self {
        let said: Said = serde_json::from_slice(&body).unwrap_or_default();
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        Self {
            reference_id: text(said.reference_id),
            kind: text(said.kind),
            user_id: text(said.user_id),
            body,
            ..Self::default()
        }
    }
}

/// Which letters are meant: those that fit everything that is said.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The reason, or what stands before its colon: `unapplied` is `unapplied:unknown_package` too.
    pub reason: Option<String>,
    /// The command's name.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whose wallet.
    pub user_id: Option<String>,
    /// The caller's reference.
    pub reference_id: Option<String>,
    /// The account of the broker that sent it.
    pub sender: Option<String>,
    /// Set aside longer ago than this.
    #[serde(rename = "olderThanSeconds", serialize_with = "seconds_of")]
    pub older_than: Option<TimeDelta>,
    /// Set aside no longer ago than this.
    #[serde(rename = "newerThanSeconds", serialize_with = "seconds_of")]
    pub newer_than: Option<TimeDelta>,
}

impl Filter {
    /// Whether it says nothing, and so takes every letter.
    pub const fn is_empty(&self) -> bool {
        self.reason.is_none()
            && self.kind.is_none()
            && self.user_id.is_none()
            && self.reference_id.is_none()
            && self.sender.is_none()
            && self.older_than.is_none()
            && self.newer_than.is_none()
    }

    /// Whether a letter is meant. One of which nobody knows when it was set aside has no age.
    pub fn takes(&self, letter: &Letter, now: DateTime<Utc>) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let reason = self.reason.as_ref().is_none_or(|wanted| {
            let rest = letter.reason.strip_prefix(wanted.as_str());
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

/// What is to become of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays where it is.
    Keep,
    /// It goes back to where it came from, as it was.
    Replay,
    /// It is thrown away.
    Drop,
}

/// What became of letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Looked at.
    pub seen: u64,
    /// Back on their way.
    pub replayed: u64,
    /// Thrown away.
    pub dropped: u64,
    /// Were to be replayed, and stay: their origin is unknown, only their beginning is kept, or the broker did not take
    /// them.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            reason: "unapplied:unknown_package".to_owned(),
            sender: Some("bridge".to_owned()),
            last_seen: "2026-11-24T10:00:00Z".parse().ok(),
            ..Letter::of(br#"{"type":"purchase","referenceId":"pi_1","userId":"ada"}"#.to_vec())
        }
    }

    fn takes(filter: &Filter) -> bool {
        let now = "2026-11-24T12:00:00Z".parse().unwrap_or_default();
        filter.takes(&letter(), now)
    }

    #[test]
    fn a_letter_is_told_by_what_its_body_says_as_far_as_that_can_be_read() {
        let letter = letter();
        assert_eq!(letter.kind.as_deref(), Some("purchase"));
        assert_eq!(letter.reference_id.as_deref(), Some("pi_1"));
        for unreadable in [&b"no json"[..], b"[1]", br#"{"type":7}"#, &[0xff, 0xfe]] {
            let letter = Letter::of(unreadable.to_vec());
            assert_eq!((letter.kind, letter.user_id), (None, None));
            assert_eq!(letter.body, unreadable);
        }
    }

    #[test]
    fn a_filter_takes_what_fits_everything_that_it_says() {
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
