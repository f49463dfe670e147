//! Decisions and outcomes: the results of a command.

use chrono::{DateTime, Utc};
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
    /// The command was paid for, or takes back what was paid for, and cannot be applied. It is kept
    /// as a dead letter until the cause is fixed.
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
    /// The credits that the hold still reserves after the command.
    pub held: Option<i64>,
    /// The first instant at which the hold reserves nothing any more.
    pub hold_expires_at: Option<DateTime<Utc>>,
    /// The part of a capture's cost that was not available.
    pub uncaptured: Option<i64>,
    /// What the command did to deposits and debt. `None` if it is about neither.
    pub debt: Option<Box<DebtEffect>>,
    /// The refusal. `None` if the command was applied.
    pub refused: Option<Refused>,
}

/// What a command did to deposits and debt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebtEffect {
    /// The credits of deposits that were revoked, whether they were taken, are owed or had expired.
    pub revoked: Option<i64>,
    /// The revoked credits that were taken from batches.
    pub taken: Option<i64>,
    /// The revoked credits that became debt.
    pub indebted: Option<i64>,
    /// The credits that repaid debt.
    pub repaid: Option<i64>,
    /// The debt that was written off.
    pub forgiven: Option<i64>,
    /// The credits that a reinstatement returned.
    pub restored: Option<i64>,
    /// The debt that a reinstatement cancelled.
    pub cancelled: Option<i64>,
    /// The debt afterwards.
    pub debt: Option<i64>,
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
            held: None,
            hold_expires_at: None,
            uncaptured: None,
            debt: None,
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
            held: None,
            hold_expires_at: None,
            uncaptured: None,
            debt: None,
            refused: None,
        };
        for (nth, transaction) in transactions.into_iter().enumerate() {
            let detail = &transaction.detail;
            outcome.amount = outcome.amount.saturating_add(transaction.amount);
            outcome.balance = transaction.balance_after;
            if let Some(clipped) = detail.clipped {
                outcome.clipped = Some(outcome.clipped.unwrap_or(0).saturating_add(clipped));
            }
            outcome.over_cap |= detail.over_cap;
            outcome.stale |= detail.stale;
            outcome.default_price |= detail.default_price;
            outcome.held = outcome.held.or(detail.held);
            outcome.hold_expires_at = outcome.hold_expires_at.or(detail.hold_expires_at);
            outcome.uncaptured = outcome.uncaptured.or(detail.uncaptured);
            outcome.skipped = outcome.skipped.or(detail.skipped);
            if let Some(debt) = detail.debt {
                let effect = outcome.debt.get_or_insert_default();
                effect.debt = Some(debt);
                if transaction.refusal.is_none() {
                    effect.add(&transaction);
                }
            }
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
                        first: transaction.detail.first,
                    });
                }
            }
        }
        outcome
    }
}

impl DebtEffect {
    /// Adds what a transaction says about revoked credits and debt.
    fn add(&mut self, transaction: &RecordedTransaction) {
        let add = |total: &mut Option<i64>, credits: i64| {
            *total = Some(total.unwrap_or(0).saturating_add(credits));
        };
        let (amount, change) = (transaction.amount, transaction.debt_change);
        match transaction.kind {
            TransactionType::Revocation => {
                add(&mut self.revoked, transaction.detail.revoked.unwrap_or(0));
                add(&mut self.taken, -amount);
                add(&mut self.indebted, 0);
            }
            TransactionType::Debt => add(&mut self.indebted, change),
            TransactionType::Repayment => add(&mut self.repaid, -change),
            TransactionType::Forgiveness => add(&mut self.forgiven, -change),
            TransactionType::Reinstatement => {
                add(&mut self.restored, amount);
                add(&mut self.cancelled, -change);
            }
            _ => {}
        }
    }
}
