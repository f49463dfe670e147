//! Dead letters counted by sender and reason.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Letter;

/// Reasons and senders that are counted one by one. Senders of broken messages do not choose them, so there are few; beyond
/// these a row stands for all others.
const MOST_ROWS: usize = 10_000;
const OTHERS: &str = "(others)";

/// Dead letters counted by sender and reason.
#[derive(Debug, Default)]
pub struct Summary(BTreeMap<(Option<String>, String), SummaryRow>);

/// The letters of one sender with one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryRow {
    /// The account of the broker that sent them; absent where the messages named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Why they are dead letters.
    pub reason: String,
    /// How many there are.
    pub letters: u64,
    /// When the first of them became a dead letter; absent where no worker noted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<DateTime<Utc>>,
    /// When the last of them became a dead letter; absent where no worker noted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<DateTime<Utc>>,
}

impl Summary {
    /// Counts a letter.
    pub fn add(&mut self, letter: &Letter) {
        let mut key = (letter.sender.clone(), letter.reason.clone());
        if self.0.len() >= MOST_ROWS && !self.0.contains_key(&key) {
            key = (None, OTHERS.to_owned());
        }
        let row = self.0.entry(key.clone()).or_insert_with(|| SummaryRow {
            sender: key.0,
            reason: key.1,
            letters: 0,
            oldest: None,
            newest: None,
        });
        row.letters += 1;
        if let Some(at) = letter.last_seen {
            row.oldest = Some(row.oldest.map_or(at, |oldest| oldest.min(at)));
            row.newest = Some(row.newest.map_or(at, |newest| newest.max(at)));
        }
    }

    /// The rows, most letters first.
    pub fn rows(self) -> Vec<SummaryRow> {
        let mut rows: Vec<SummaryRow> = self.0.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.letters));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(sender: Option<&str>, reason: &str, at: &str) -> Letter {
        Letter {
            sender: sender.map(str::to_owned),
            reason: reason.to_owned(),
            last_seen: at.parse().ok(),
            ..Letter::default()
        }
    }

    #[test]
    fn letters_are_counted_by_sender_and_reason_with_the_first_and_the_last_instant() {
        let mut summary = Summary::default();
        for letter in [
            letter(Some("app"), "not_json", "2026-11-24T10:00:00Z"),
            letter(None, "not_json", ""),
            letter(Some("app"), "not_json", "2026-11-24T09:00:00Z"),
            letter(Some("app"), "too_large", "2026-11-24T11:00:00Z"),
            letter(Some("app"), "not_json", "2026-11-24T12:00:00Z"),
        ] {
            summary.add(&letter);
        }
        let rows = summary.rows();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.sender.as_deref(), row.reason.as_str(), row.letters))
            .collect();
        assert_eq!(
            told,
            [
                (Some("app"), "not_json", 3),
                (None, "not_json", 1),
                (Some("app"), "too_large", 1)
            ]
        );
        assert_eq!(rows[0].oldest, "2026-11-24T09:00:00Z".parse().ok());
        assert_eq!(rows[0].newest, "2026-11-24T12:00:00Z".parse().ok());
        assert_eq!(rows[1].oldest, None);
    }
}
