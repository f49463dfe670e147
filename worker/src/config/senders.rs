//! `[senders]`: the limits of each account of the broker, and the scope in which references are
//! unique.

use ledger::References;
use toml::{Table, Value};

use super::section::{self, Section};
use crate::senders::{SenderLimits, SenderPolicy};

const LIST: &str = "a list of texts in quotes, such as [\"team-a:\"]";
const MOST_ANSWER_BYTES: u32 = 1 << 30;
const REFERENCES: [(&str, References); 2] = [
    ("per_origin", References::PerOrigin),
    ("per_sender", References::PerSender),
];

/// The limits of senders, and the scope in which references are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// The limits of each sender.
    pub policy: SenderPolicy,
    /// The scope in which a reference is unique.
    pub references: References,
}

impl Senders {
    pub(super) fn read(section: Section<'_>) -> Self {
        let limits = section.section("limits");
        let default = SenderPolicy::default();
        let policy = SenderPolicy {
            answer_bytes_per_second: section.count(
                "answer_bytes_per_second",
                MOST_ANSWER_BYTES,
                default.answer_bytes_per_second,
            ),
            required: section.boolean("required", false),
            limits: limits
                .names()
                .into_iter()
                .map(|name| {
                    let limits = read_limits(limits.section(&name));
                    (name, limits)
                })
                .collect(),
        };
        if !policy.limits.is_empty() && !policy.required {
            let found = "false, but then a sender could avoid its limits by naming no sender";
            section.wrong("required", found, "true with `senders.limits`", ());
        }
        let references = section.word("references", &REFERENCES, References::PerOrigin);
        limits.finish();
        section.finish();
        Self { policy, references }
    }

    pub(super) fn show(&self) -> Table {
        let references = match self.references {
            References::PerOrigin => "per_origin",
            References::PerSender => "per_sender",
        };
        let mut table = Table::from_iter([
            ("required".to_owned(), self.policy.required.into()),
            ("references".to_owned(), references.into()),
            (
                "answer_bytes_per_second".to_owned(),
                i64::from(self.policy.answer_bytes_per_second).into(),
            ),
        ]);
        if !self.policy.limits.is_empty() {
            let limits = self.policy.limits.iter();
            let limits =
                limits.map(|(name, limits)| (name.clone(), Value::Table(show_limits(limits))));
            table.insert("limits".to_owned(), Value::Table(limits.collect()));
        }
        table
    }
}

fn read_limits(section: Section<'_>) -> SenderLimits {
    let limits = SenderLimits {
        user_prefixes: read_list(&section, "user_prefixes"),
        services: read_list(&section, "services"),
    };
    section.finish();
    limits
}

/// A list of texts. `None` if it is not set. An empty list allows nothing.
fn read_list(section: &Section<'_>, name: &str) -> Option<Vec<String>> {
    let value = section.value(name)?;
    let texts = match value {
        Value::Array(values) => values.iter().map(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }),
        other => return section.wrong(name, section::found(other), LIST, None),
    };
    let texts: Option<Vec<String>> = texts.collect();
    if texts.is_none() {
        return section.wrong(name, "a list with other values than texts", LIST, None);
    }
    texts
}

fn show_limits(limits: &SenderLimits) -> Table {
    [
        ("user_prefixes", &limits.user_prefixes),
        ("services", &limits.services),
    ]
    .into_iter()
    .filter_map(|(name, list)| {
        let list = list.as_ref()?.iter().cloned().map(Value::String).collect();
        Some((name.to_owned(), Value::Array(list)))
    })
    .collect()
}
