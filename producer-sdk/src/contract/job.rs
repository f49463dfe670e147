//! What the scheduler asks of a job runner.

use serde::{Deserialize, Serialize};

/// A job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    /// Grants the periods of plans that are due.
    Grant,
    /// Sweeps lapsed credits.
    Expire,
    /// Checks whether the book balances.
    Verify,
}

impl Job {
    /// Every job there is.
    pub const ALL: [Self; 3] = [Self::Grant, Self::Expire, Self::Verify];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Expire => "expire",
            Self::Verify => "verify",
        }
    }

    /// The job of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }
}

/// The message in queue `{ns}.jobs`: `{"job":"grant","date":"2026-11-24","startedBy":"scheduler of …"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobRequest {
    /// Which job.
    pub job: Job,
    /// For which date, `YYYY-MM-DD` in UTC.
    pub date: String,
    /// Who asks for it.
    pub started_by: String,
}

impl JobRequest {
    /// What makes it happen once: `job:{job}:{date}`.
    pub fn reference_id(&self) -> String {
        format!("job:{}:{}", self.job.as_str(), self.date)
    }

    /// Read a body.
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Write the body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
