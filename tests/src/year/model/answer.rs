//! What the sender of a message is told.

use producer_sdk::contract::Outcome;

use super::decide::Refused;

/// What the sender of a message is told, but for ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was decided before.
    pub replayed: bool,
    /// Why it was refused.
    pub code: Option<String>,
    /// What was asked for and what there was, of `insufficient_credits`.
    pub short: Option<(i64, i64)>,
    /// Net change.
    pub amount: i64,
    /// Balance afterwards.
    pub balance: Option<i64>,
    /// What can be spent afterwards.
    pub available: Option<i64>,
    /// Types and amounts of what was posted.
    pub posted: Vec<(String, i64)>,
    /// What batches gained or lost, and what is left in them.
    pub moved: Vec<(i64, i64)>,
    /// What did not fit under the cap.
    pub clipped: Option<i64>,
    /// What did fit, if not all.
    pub granted: Option<i64>,
    /// Whether a purchase went over the cap.
    pub over_cap: bool,
    /// Whether news of a subscription were old.
    pub stale: bool,
    /// Why a month brought nothing.
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

    /// What a worker answered.
    pub fn of(outcome: &Outcome) -> Self {
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
            clipped: outcome.clipped,
            granted: outcome.granted,
            over_cap: outcome.over_cap.unwrap_or_default(),
            stale: outcome.stale.unwrap_or_default(),
            skipped: outcome.skipped.clone(),
        }
    }
}
