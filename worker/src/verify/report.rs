//! The report of a verification.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// The progress of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of checked wallets.
    pub users_checked: u64,
    /// Number of wallets at the start.
    pub users_total: u64,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub started_at: DateTime<Utc>,
    /// Number of checked wallets.
    pub users_checked: u64,
    /// Number of checked batches.
    pub batches_checked: u64,
    /// Number of checked transactions.
    pub transactions_checked: u64,
    /// Number of checked allocations.
    pub allocations_checked: u64,
    /// The sums of the whole book.
    pub book: BookSummary,
    /// Number of all violations, including those that are not in the list.
    pub violation_count: u64,
    /// The first violations, at most [`Options::max_violations`](super::Options::max_violations).
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
    /// Id of the row. For an allocation: the ids of its transaction and its batch, separated by
    /// `/`. For the whole book: the kind of account.
    pub id: String,
    /// The user of the row. Absent if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The stored value and the expected value, as a sentence.
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

    /// Whether there is no violation.
    pub fn holds(&self) -> bool {
        self.violation_count == 0
    }

    /// Number of violations that still fit into the list.
    pub(super) fn remaining_capacity(&self) -> usize {
        self.capacity - self.violations.len()
    }

    /// Counts `total` violations and appends as many of `found` as fit into the list.
    pub(super) fn add(&mut self, total: u64, found: impl IntoIterator<Item = Violation>) {
        self.violation_count = self.violation_count.saturating_add(total);
        let capacity = self.remaining_capacity();
        self.violations.extend(found.into_iter().take(capacity));
    }
}

/// The sums of the whole book, in credits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BookSummary {
    /// Issued credits, by source.
    pub issued: Issued,
    /// Consumed credits, before refunds.
    pub consumed: i128,
    pub refunded: i128,
    pub expired: i128,
    /// Revoked credits that were taken from wallets, less those that were reinstated.
    pub revoked: i128,
    /// Credits that repaid debts.
    pub repaid: i128,
    /// Sum of the debts of all wallets. They are not part of the balances.
    pub debts: i128,
    /// Sum of the balances of all wallets.
    pub balances: i128,
}

/// Issued credits, by source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    pub purchases: i128,
    /// Bonuses of purchases.
    pub bonuses: i128,
    pub registration_bonuses: i128,
    /// Grants of plans.
    pub monthly_grants: i128,
    pub promotions: i128,
}

impl BookSummary {
    /// All issued credits.
    pub fn total_issued(&self) -> i128 {
        let issued = &self.issued;
        issued.purchases
            + issued.bonuses
            + issued.registration_bonuses
            + issued.monthly_grants
            + issued.promotions
    }

    /// All credits in wallets, consumed less refunded, expired, revoked or repaid.
    pub fn accounted_for(&self) -> i128 {
        self.balances + self.consumed - self.refunded + self.expired + self.revoked + self.repaid
    }

    /// The violation, if the book is not balanced.
    pub(super) fn violation(&self) -> Option<Violation> {
        let (issued, accounted) = (self.total_issued(), self.accounted_for());
        (issued != accounted).then(|| Violation {
            rule: "book.is_balanced",
            table: "credits_balance",
            id: "WALLET".to_owned(),
            user_id: None,
            message: format!(
                "{issued} were issued, but {accounted} are accounted for: balances {} + consumed \
                 {} - refunded {} + expired {} + revoked {} + repaid {}",
                self.balances,
                self.consumed,
                self.refunded,
                self.expired,
                self.revoked,
                self.repaid
            ),
        })
    }
}
