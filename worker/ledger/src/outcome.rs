//! Decisions and outcomes: the results of a command.

use uuid::Uuid;

pub use scrip_types::Status;

use crate::{
    posting::{Allocation, RecordedTransaction, Skipped, TransactionType},
    refusal::Refused,
};

/// The decision about a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The command is settled, and its outcome can be returned to the caller.
    Settled(Outcome),
    /// The command was paid for and cannot be applied. It is kept as a dead letter until the cause
    /// is fixed.
    Unapplied(Refused),
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as on the wire"
)]
pub struct Outcome {
    /// Whether an earlier delivery decided the outcome.
    pub replayed: bool,
    /// The net change of the balance, in credits.
    pub amount: i64,
    /// The balance afterwards. `None` if the user has no wallet.
    pub balance: Option<i64>,
    /// The spendable credits right afterwards. `None` if the outcome is replayed.
    pub available: Option<i64>,
    /// Id, type and amount of each completed transaction, in order.
    pub transactions: Vec<(Uuid, TransactionType, i64)>,
    /// The changes of batches, in order.
    pub allocations: Vec<Allocation>,
    /// The credits of free grants that did not fit under the cap.
    pub clipped: Option<i64>,
    /// The reason why the grant of a period brought no credits.
    pub skipped: Option<Skipped>,
    /// Whether the subscription event is older than the latest known one.
    pub stale: bool,
    /// Whether a purchase took the wallet over the cap.
    pub over_cap: bool,
    /// Whether the default price was charged, or would have been, because the service has no price.
    pub default_price: bool,
    /// The refusal. `None` if the command was applied.
    pub refused: Option<Refused>,
}

impl Outcome {
    /// `Failed` if the outcome has a refusal, else `Completed`.
    pub const fn status(&self) -> Status {
        if self.refused.is_some() {
            Status::Failed
        } else {
            Status::Completed
        }
    }

    /// The outcome of a refused command. It moves no credits.
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

    /// The outcome of a command, built from its transactions in the order in which they were made.
    ///
    /// The first transaction is the command's own. Later ones are grants and bonuses that belong to
    /// it. If one of those is refused, the command itself still counts as completed.
    pub fn from_transactions(
        transactions: impl IntoIterator<Item = RecordedTransaction>,
        available: Option<i64>,
    ) -> Self {
        let mut outcome = Self {
            replayed: false,
            amount: 0,
            balance: None,
            available,
            transactions: Vec::new(),
            allocations: Vec::new(),
            clipped: None,
            skipped: None,
            stale: false,
            over_cap: false,
            default_price: false,
            refused: None,
        };
        for (nth, transaction) in transactions.into_iter().enumerate() {
            let detail = transaction.detail;
            outcome.amount = outcome.amount.saturating_add(transaction.amount);
            outcome.balance = transaction.balance_after;
            if let Some(clipped) = detail.clipped {
                outcome.clipped = Some(outcome.clipped.unwrap_or(0).saturating_add(clipped));
            }
            outcome.over_cap |= detail.over_cap;
            outcome.stale |= detail.stale;
            outcome.default_price |= detail.default_price;
            outcome.skipped = outcome.skipped.or(detail.skipped);
            outcome.allocations.extend(transaction.allocations);
            match transaction.refusal {
                None => {
                    let completed = (transaction.id, transaction.kind, transaction.amount);
                    outcome.transactions.push(completed);
                }
                Some(_) if nth > 0 => {}
                Some(code) => {
                    outcome.refused = Some(Refused {
                        code,
                        required: detail.required,
                        available: detail.available,
                        first: detail.first,
                    });
                }
            }
        }
        outcome
    }
}
