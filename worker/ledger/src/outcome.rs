//! What became of a command.

use uuid::Uuid;

use crate::{
    fingerprint::Fingerprint,
    posting::{Allocation, Posting, Skipped, TransactionType},
    refusal::Refused,
};

/// What to do about a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is settled: answer it.
    Settled(Outcome),
    /// It was paid for and cannot be applied: keep it for when the configuration is mended.
    Unapplied(Refused),
}

/// Whether a command was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was applied.
    Completed,
    /// It was refused.
    Failed,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as on the wire"
)]
pub struct Outcome {
    /// Whether the outcome was decided by an earlier delivery.
    pub replayed: bool,
    /// The net change of the balance.
    pub amount: i64,
    /// The balance afterwards; absent when the user has no wallet.
    pub balance: Option<i64>,
    /// What could be spent right afterwards; absent when replayed.
    pub available: Option<i64>,
    /// What was posted, in order.
    pub transactions: Vec<(Uuid, TransactionType, i64)>,
    /// Which batches it moved, in order.
    pub allocations: Vec<Allocation>,
    /// Credits of free grants that did not fit under the cap.
    pub clipped: Option<i64>,
    /// Why the grant of a period brought nothing.
    pub skipped: Option<Skipped>,
    /// What was said of a subscription was older than what is known of it.
    pub stale: bool,
    /// A purchase took the wallet over the cap.
    pub over_cap: bool,
    /// The service has no price, so the default price was charged, or would have been.
    pub default_price: bool,
    /// Why it was refused.
    pub refused: Option<Refused>,
}

impl Outcome {
    /// Whether it was applied.
    pub const fn status(&self) -> Status {
        if self.refused.is_some() {
            Status::Failed
        } else {
            Status::Completed
        }
    }

    /// A refusal that moves nothing.
    pub const fn refused(refused: Refused, balance: Option<i64>, available: Option<i64>) -> Self {
        Self {
            replayed: false,
            amount: 0,
            balance,
            available,
            transactions: Vec::new(),
            allocations: Vec::new(),
            clipped: None,
            skipped: None,
            stale: false,
            over_cap: false,
            default_price: false,
            refused: Some(refused),
        }
    }

    /// What the postings of one command say, in the order in which they were made. The first is the command's own; what
    /// belongs to it may be refused for itself.
    pub fn of(postings: &[&Posting], available: Option<i64>) -> Self {
        let mut outcome = Self {
            replayed: false,
            amount: 0,
            balance: None,
            available,
            transactions: Vec::with_capacity(postings.len()),
            allocations: Vec::new(),
            clipped: None,
            skipped: None,
            stale: false,
            over_cap: false,
            default_price: false,
            refused: None,
        };
        for (nth, posting) in postings.iter().enumerate() {
            outcome.amount = outcome.amount.saturating_add(posting.amount);
            outcome.balance = posting.balance_after;
            if let Some(clipped) = posting.detail.clipped {
                outcome.clipped = Some(outcome.clipped.unwrap_or(0).saturating_add(clipped));
            }
            outcome.over_cap |= posting.detail.over_cap;
            outcome.stale |= posting.detail.stale;
            outcome.default_price |= posting.detail.default_price;
            outcome.skipped = outcome.skipped.or(posting.detail.skipped);
            outcome.allocations.extend(posting.allocations.iter().cloned());
            match posting.refusal {
                None => outcome
                    .transactions
                    .push((posting.id, posting.kind, posting.amount)),
                Some(_) if nth > 0 => {}
                Some(code) => {
                    outcome.refused = Some(Refused {
                        code,
                        required: posting.detail.required,
                        available: posting.detail.available,
                        first: posting.detail.first.clone(),
                    });
                }
            }
        }
        outcome
    }
}

/// A stored outcome and what it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The command's fingerprint; absent for derived references.
    pub fingerprint: Option<Fingerprint>,
    /// What became of it.
    pub outcome: Outcome,
}
