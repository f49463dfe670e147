//! What a run counts. Kept with the run while it goes on, so that a resumed one goes on counting.

use producer_sdk::Outcome;
use serde::{Deserialize, Serialize};

/// What a run counts. What does not belong to its job stays away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Counts {
    /// Grant: periods that were looked at.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed: u64,
    /// Grant: periods that brought credits.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: u64,
    /// Grant: periods that brought nothing: lapsed, covered by a paid plan, no room under the cap, or done meanwhile.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// What could not be done, or was not answered. It stays due.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Grant: credits.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_granted: i64,
    /// Grant: credits that did not fit under the balance cap.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_clipped: i64,
    /// Expire: batches that were swept.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed_batches: u64,
    /// Expire: users whose batches were swept.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed_users: u64,
    /// Expire: credits.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_expired_amount: i64,
    /// Verify: wallets that were checked.
    #[serde(skip_serializing_if = "is_zero")]
    pub users_checked: u64,
    /// Verify: rows that offend.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations: u64,
    /// Verify: whether the book balances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
    /// Why it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_nothing(sum: &i64) -> bool {
    *sum == 0
}

impl Counts {
    /// As it is kept with the run.
    pub fn to_json(&self) -> serde_json::Value {
        // Numbers and truth values cannot fail to serialise.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Counts one period.
    pub fn grant(&mut self, outcome: Option<&Outcome>) {
        self.processed += 1;
        let clipped = outcome
            .filter(|outcome| !outcome.replayed)
            .and_then(|outcome| outcome.clipped);
        self.total_clipped = self.total_clipped.saturating_add(clipped.unwrap_or(0));
        match outcome {
            None => self.failed += 1,
            Some(outcome) if outcome.is_completed() => {
                let amount = outcome.amount.unwrap_or_default();
                if outcome.skipped.is_some() || outcome.replayed {
                    self.skipped += 1;
                } else {
                    self.successful += 1;
                    self.total_granted = self.total_granted.saturating_add(amount);
                }
            }
            Some(outcome) => match outcome.error_code() {
                Some("not_due" | "max_balance_reached") => self.skipped += 1,
                _ => self.failed += 1,
            },
        }
    }

    /// Counts one user's lapsed batches.
    pub fn expire(&mut self, outcome: Option<&Outcome>) {
        match outcome {
            Some(outcome) if outcome.is_completed() => {
                self.processed_batches += outcome.transactions.len() as u64;
                self.processed_users += u64::from(!outcome.transactions.is_empty());
                let taken = outcome.amount.unwrap_or_default().saturating_neg();
                self.total_expired_amount = self.total_expired_amount.saturating_add(taken);
            }
            _ => self.failed += 1,
        }
    }
}
