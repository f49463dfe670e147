//! The counters of a run. They are stored with the run while it is in progress, so that a resumed
//! run continues to count.

use producer_sdk::Outcome;
use serde::{Deserialize, Serialize};

/// The counters of a run. The JSON omits the counters of other jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Counts {
    /// Grant: periods that were processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed: u64,
    /// Grant: periods that granted credits.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: u64,
    /// Grant: periods that granted nothing: they have expired, a paid plan covers them, the balance
    /// is at its cap, or they were granted in the meantime.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Commands that failed or were not answered. Their work stays due.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Grant: credits that were granted.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_granted: i64,
    /// Grant: credits that were not granted because of the balance cap.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_clipped: i64,
    /// Expire: batches that expired.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed_batches: u64,
    /// Expire: users with an expired batch.
    #[serde(skip_serializing_if = "is_zero")]
    pub processed_users: u64,
    /// Expire: credits that expired.
    #[serde(skip_serializing_if = "is_nothing")]
    pub total_expired_amount: i64,
    /// Verify: wallets that were checked.
    #[serde(skip_serializing_if = "is_zero")]
    pub users_checked: u64,
    /// Verify: rows that break a rule.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations: u64,
    /// Verify: whether the book balances; `None` until the check is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
    /// Why the run failed; `None` if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Duration in milliseconds, including the time before a resume.
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
    /// The JSON that is stored with the run.
    pub fn to_json(&self) -> serde_json::Value {
        // Numbers, booleans and text always serialize.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Counts one period; `None`: its command was not answered.
    pub fn grant(&mut self, outcome: Option<&Outcome>) {
        self.processed += 1;
        let clipped = outcome
            .filter(|outcome| !outcome.replayed)
            .and_then(|outcome| outcome.clipped);
        self.total_clipped = self.total_clipped.saturating_add(clipped.unwrap_or(0));
        match outcome {
            None => self.failed += 1,
            Some(outcome) if outcome.is_completed() => {
                // A grant counts as a whole, also if it repaid a debt.
                let amount = outcome.amount.unwrap_or_default();
                let amount = amount.saturating_add(outcome.repaid.unwrap_or_default());
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

    /// Counts the expired batches of one user; `None`: the command was not answered.
    pub fn expire(&mut self, outcome: Option<&Outcome>) {
        match outcome {
            Some(outcome) if outcome.is_completed() => {
                self.processed_batches += outcome.transactions.len() as u64;
                self.processed_users += u64::from(!outcome.transactions.is_empty());
                let expired = outcome.amount.unwrap_or_default().saturating_neg();
                self.total_expired_amount = self.total_expired_amount.saturating_add(expired);
            }
            _ => self.failed += 1,
        }
    }
}
