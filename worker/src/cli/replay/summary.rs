//! The summary of a replay.

use std::{collections::BTreeMap, time::Duration};

use producer_sdk::Outcome;
use serde::{Serialize, Serializer};

use crate::cli::print::{self, escape};

/// The counts of a replay.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Commands that the broker confirmed, or with `--wait` that were answered.
    pub published: u64,
    /// Of these, applied. `None` without `--wait`, and so is `replayed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<u64>,
    /// Of these, already decided before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<u64>,
    /// Of these, grants that did not fit under the balance cap, in part or in full.
    #[serde(skip_serializing_if = "is_zero")]
    pub clipped: u64,
    /// Refused commands by error code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
}

impl Summary {
    /// Counts an outcome.
    pub fn count(&mut self, outcome: &Outcome) {
        self.published += 1;
        *self.completed.get_or_insert(0) += u64::from(outcome.is_completed());
        *self.replayed.get_or_insert(0) += u64::from(outcome.replayed);
        self.clipped += u64::from(outcome.clipped.is_some());
        if let Some(code) = outcome.error_code() {
            *self.refused.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// Prints the summary as text.
    pub fn print(&self) -> print::Result {
        let seconds = self.took.as_secs_f64();
        let rate = u128::from(self.published) * 1000 / self.took.as_millis().max(1);
        print::line(&format!(
            "published  {} in {seconds:.1} s ({rate}/s)",
            self.published
        ))?;
        if let Some(completed) = self.completed {
            print::line(&format!("completed  {completed}"))?;
        }
        for (code, count) in &self.refused {
            print::line(&format!("refused    {count} {}", escape(code)))?;
        }
        if self.clipped > 0 {
            print::line(&format!(
                "clipped    {}, did not fit under the balance cap",
                self.clipped
            ))?;
        }
        if let Some(replayed) = self.replayed.filter(|replayed| *replayed > 0) {
            print::line(&format!("replayed   {replayed}, decided before"))?;
        }
        Ok(())
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires this signature"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn seconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((took.as_secs_f64() * 1000.0).round() / 1000.0)
}
