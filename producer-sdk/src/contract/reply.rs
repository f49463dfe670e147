//! Whatever comes back on a reply queue.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::outcome::Outcome;
use super::rejection::Rejection;

/// A reply, told apart by its `status`: `completed` and `failed` are outcomes, `ok` and `error` are answers.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every reply is an outcome")]
pub enum Reply {
    /// To a command.
    Outcome(Outcome),
    /// To a query.
    Answer(Answer),
    /// To a message that could not be understood.
    Rejected(Rejection),
}

/// A reply that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the reply cannot be read")]
pub struct UnreadableReply(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Head {
    status: String,
}

#[derive(Serialize, Deserialize)]
struct Rejected {
    status: RejectedStatus,
    error: Rejection,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RejectedStatus {
    Rejected,
}

impl Reply {
    /// Read a reply's body.
    pub fn from_json(body: &[u8]) -> Result<Self, UnreadableReply> {
        let head: Head = serde_json::from_slice(body)?;
        Ok(match head.status.as_str() {
            "ok" | "error" => Self::Answer(serde_json::from_slice(body)?),
            "rejected" => Self::Rejected(serde_json::from_slice::<Rejected>(body)?.error),
            _ => Self::Outcome(serde_json::from_slice(body)?),
        })
    }

    /// Write the reply's body.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Outcome(outcome) => outcome.to_json(),
            Self::Answer(answer) => answer.to_json(),
            Self::Rejected(rejection) => {
                let rejected = Rejected {
                    status: RejectedStatus::Rejected,
                    error: rejection.clone(),
                };
                // A struct of strings cannot fail to serialise.
                serde_json::to_vec(&rejected).unwrap_or_default()
            }
        }
    }
}
