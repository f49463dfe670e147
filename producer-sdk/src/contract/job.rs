//! Requests of the scheduler to a job runner.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// A scheduled job.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Job {
    /// Grants the periods of plans that are due.
    Grant,
    /// Removes expired credits.
    Expire,
    /// Checks the invariants of the ledger.
    Verify,
}

impl Job {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A message in the queue `{ns}.jobs`.
///
/// On the wire: `{"job":"grant","date":"2026-11-24","startedBy":"scheduler of …"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRequest {
    /// The job to run.
    pub job: Job,
    /// The date of the run, as `YYYY-MM-DD` in UTC.
    pub date: String,
    /// The scheduler or person that requests it.
    pub started_by: String,
}

impl JobRequest {
    /// The idempotency key of the run: `job:{job}:{date}`.
    pub fn reference_id(&self) -> String {
        format!("job:{}:{}", self.job.as_str(), self.date)
    }

    /// Reads a body.
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Writes the body.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising a struct of strings cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
