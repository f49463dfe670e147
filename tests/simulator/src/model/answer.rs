//! The outcome of a message.

use producer_sdk::contract::Outcome;

use super::decide::Refused;
use crate::At;

/// The outcome of a message as its sender receives it, without ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether this is the stored outcome of an earlier message.
    pub replayed: bool,
    /// The error code of a refusal.
    pub code: Option<String>,
    /// The required and the available credits of `insufficient_credits` and, if the message names
    /// an amount, of the refusals that say that it exceeds something.
    pub short: Option<(i64, i64)>,
    /// The change of the balance.
    pub amount: i64,
    /// The balance afterwards.
    pub balance: Option<i64>,
    /// The spendable credits afterwards.
    pub available: Option<i64>,
    /// The types and amounts of the transactions.
    pub posted: Vec<(String, i64)>,
    /// For each allocation its amount, and the credits that are left in the batch.
    pub moved: Vec<(i64, i64)>,
    /// The credits that the hold reserves afterwards.
    pub held: Option<i64>,
    /// The instant from which the hold reserves nothing any more.
    pub hold_ends: Option<At>,
    /// The part of a capture that was not available.
    pub uncaptured: Option<i64>,
    /// Of a revocation: the credits that were revoked, those that were taken, and those that are
    /// owed now.
    pub revoked: Option<i64>,
    pub taken: Option<i64>,
    pub indebted: Option<i64>,
    /// Of a reinstatement: the credits that came back, and the debt that was cancelled.
    pub restored: Option<i64>,
    pub cancelled: Option<i64>,
    /// The debt that was written off.
    pub forgiven: Option<i64>,
    /// The credits that repaid a debt.
    pub repaid: Option<i64>,
    /// The debt afterwards.
    pub debt: Option<i64>,
    /// The credits that the cap cut off.
    pub clipped: Option<i64>,
    /// The credits that were granted, if the cap cut off some.
    pub granted: Option<i64>,
    /// Whether a purchase exceeded the cap.
    pub over_cap: bool,
    /// Whether the event of a subscription was older than one already known.
    pub stale: bool,
    /// The reason for which a period brought no credits.
    pub skipped: Option<String>,
}

impl Answer {
    pub(super) fn refused(refused: &Refused) -> Self {
        Self {
            code: Some(refused.code.to_owned()),
            short: refused.short,
            ..Self::default()
        }
    }

    /// The outcome that a worker sent.
    pub fn from_outcome(outcome: &Outcome) -> Self {
        let error = outcome.error.as_ref();
        Self {
            replayed: outcome.replayed,
            code: error.map(|error| error.code.clone()),
            short: error.and_then(|error| Some((error.required?, error.available?))),
            amount: outcome.amount.unwrap_or_default(),
            balance: outcome.balance,
            available: outcome.available,
            posted: outcome
                .transactions
                .iter()
                .map(|posting| (posting.kind.clone(), posting.amount))
                .collect(),
            moved: outcome
                .allocations
                .iter()
                .map(|item| (item.amount, item.batch_remaining))
                .collect(),
            held: outcome.held,
            hold_ends: outcome.hold_expires_at,
            uncaptured: outcome.uncaptured,
            revoked: outcome.revoked,
            taken: outcome.taken,
            indebted: outcome.indebted,
            restored: outcome.restored,
            cancelled: outcome.cancelled,
            forgiven: outcome.forgiven,
            repaid: outcome.repaid,
            debt: outcome.debt,
            clipped: outcome.clipped,
            granted: outcome.granted,
            over_cap: outcome.over_cap.unwrap_or_default(),
            stale: outcome.stale.unwrap_or_default(),
            skipped: outcome.skipped.clone(),
        }
    }
}
