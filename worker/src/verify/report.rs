//! What a verification found.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::BookSummary;

/// How far a verification has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Wallets that have been checked.
    pub users_checked: u64,
    /// Wallets that there were when it began.
    pub users_total: u64,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Wallets that were checked.
    pub users_checked: u64,
    /// Batches that were checked.
    pub batches_checked: u64,
    /// Transactions that were checked.
    pub transactions_checked: u64,
    /// Allocations that were checked.
    pub allocations_checked: u64,
    /// The sums of the whole book.
    pub book: BookSummary,
    /// How many violations there are.
    pub violation_count: u64,
    /// The violations; when there are very many, only the first.
    pub violations: Vec<Violation>,
    #[serde(skip)]
    capacity: usize,
}

/// A row that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Name of the rule.
    pub rule: &'static str,
    /// Table of the row.
    pub table: &'static str,
    /// Id of the row; of an allocation, those of its transaction and its batch with a `/` between; of the whole book,
    /// the kind of account.
    pub id: String,
    /// Whose it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What is stored, and what it should be.
    pub message: String,
}

impl Report {
    pub(super) fn new(started_at: DateTime<Utc>, capacity: usize) -> Self {
        Self {
            started_at,
            users_checked: 0,
            batches_checked: 0,
            transactions_checked: 0,
            allocations_checked: 0,
            book: BookSummary::default(),
            violation_count: 0,
            violations: Vec::new(),
            capacity,
        }
    }

    /// Whether the book balances and no row offends.
    pub fn holds(&self) -> bool {
        self.violation_count == 0
    }

    /// How many violations can still be kept.
    pub(super) fn room(&self) -> usize {
        self.capacity - self.violations.len()
    }

    /// Keeps `found`, as far as there is room, of `total` violations.
    pub(super) fn add(&mut self, total: u64, found: impl IntoIterator<Item = Violation>) {
        self.violation_count = self.violation_count.saturating_add(total);
        let room = self.room();
        self.violations.extend(found.into_iter().take(room));
    }
}
