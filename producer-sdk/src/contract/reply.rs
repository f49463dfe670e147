//! Replies: the messages in a reply queue.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::outcome::Outcome;
use super::rejection::Rejection;

/// A reply. Its `status` decides the kind: `completed` and `failed` are outcomes, `ok` and `error`
/// are answers, and `rejected` is a rejection.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every reply is an outcome"
)]
pub enum Reply {
    /// The reply to a command.
    Outcome(Outcome),
    /// The reply to a query.
    Answer(Answer),
    /// The reply to a message that is not valid.
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
    /// Reads the body of a reply.
    pub fn from_json(body: &[u8]) -> Result<Self, UnreadableReply> {
        let head: Head = serde_json::from_slice(body)?;
        Ok(match head.status.as_str() {
            "ok" | "error" => Self::Answer(serde_json::from_slice(body)?),
            "rejected" => Self::Rejected(serde_json::from_slice::<Rejected>(body)?.error),
            _ => Self::Outcome(serde_json::from_slice(body)?),
        })
    }

    /// Writes the body of the reply.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Outcome(outcome) => outcome.to_json(),
            Self::Answer(answer) => answer.to_json(),
            Self::Rejected(rejection) => {
                let rejected = Rejected {
                    status: RejectedStatus::Rejected,
                    error: rejection.clone(),
                };
                // Serialising a struct of strings cannot fail.
                serde_json::to_vec(&rejected).unwrap_or_default()
            }
        }
    }
}
