//! Dead letters counted by sender and reason.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::DeadLetter;

/// Largest number of rows; one more row counts the rest. Senders of broken messages cannot choose
/// their reasons, so there are few combinations.
const MOST_ROWS: usize = 10_000;
const OTHERS: &str = "(others)";

/// Dead letters counted by sender and reason.
#[derive(Debug, Default)]
pub struct Summary(BTreeMap<(Option<String>, String), SummaryRow>);

/// The dead letters of one sender with one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryRow {
    /// The broker account that sent the messages; `None` if they name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Why they were dead-lettered.
    pub reason: String,
    /// Number of dead letters.
    pub letters: u64,
    /// When the first one was dead-lettered; `None` if no worker recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<DateTime<Utc>>,
    /// When the last one was dead-lettered; `None` if no worker recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<DateTime<Utc>>,
}

impl Summary {
    /// Counts a dead letter.
    pub fn add(&mut self, letter: &DeadLetter) {
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

    /// The rows, in descending order of dead letters.
    pub fn rows(self) -> Vec<SummaryRow> {
        let mut rows: Vec<SummaryRow> = self.0.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.letters));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(sender: Option<&str>, reason: &str, at: &str) -> DeadLetter {
        DeadLetter {
            sender: sender.map(str::to_owned),
            reason: reason.to_owned(),
            last_seen: at.parse().ok(),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn dead_letters_are_counted_by_sender_and_reason_with_first_and_last_instant() {
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
        let counted: Vec<_> = rows
            .iter()
            .map(|row| (row.sender.as_deref(), row.reason.as_str(), row.letters))
            .collect();
        assert_eq!(
            counted,
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
