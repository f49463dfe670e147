//! What is said to a query: the reply to it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to a query: `{"type","status":"ok","result"}` or `{"type","status":"error","error":{"code","message"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Answer {
    /// The query's `type`.
    pub kind: String,
    /// The result, as JSON whose shape the query decides, or why there is none.
    pub result: Result<Value, AnswerError>,
}

/// Why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AnswerError {
    /// Such as `wallet_not_found`.
    pub code: String,
    /// For people, never to be parsed.
    pub message: String,
}

/// Result of the `balance` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BalanceResult {
    /// Whose wallet.
    pub user_id: String,
    /// What may be spent now.
    pub available_credits: i64,
    /// The ledger's balance; it still counts lapsed credits that have not been swept yet.
    pub balance: i64,
    /// Credits reserved by holds.
    pub held: i64,
    /// All that was ever bought or given.
    pub total_earned: i64,
    /// All that was ever spent.
    pub total_spent: i64,
    /// `ACTIVE` or `FROZEN`.
    pub status: String,
    /// What expires next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiring_batch: Option<ExpiringBatch>,
    /// The next grant of a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_grant_info: Option<NextGrant>,
    /// Counts the changes of the wallet.
    #[serde(default)]
    pub version: i64,
}

/// What a plan will bring next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextGrant {
    /// Credits.
    pub amount: i64,
    /// When; in the past if it is due and not granted yet.
    pub grant_date: DateTime<Utc>,
    /// Of which plan.
    pub plan_name: String,
}

/// What expires next: the credits of all batches that expire at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiringBatch {
    /// The sum of the credits left in these batches, without what is held.
    pub amount: i64,
    /// First instant at which they cannot be spent any more.
    pub expires_at: DateTime<Utc>,
}

impl Answer {
    /// A result.
    pub fn ok(kind: impl Into<String>, result: &impl Serialize) -> Self {
        Self {
            kind: kind.into(),
            // Structs with text keys cannot fail to serialise.
            result: Ok(serde_json::to_value(result).unwrap_or_default()),
        }
    }

    /// No result, and why.
    pub fn error(kind: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            result: Err(AnswerError {
                code: code.into(),
                message: message.into(),
            }),
        }
    }

    /// Write the reply's body.
    pub fn to_json(&self) -> Vec<u8> {
        // JSON values with text keys cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Wire {
    Ok {
        r#type: String,
        result: Value,
    },
    Error {
        #[serde(default)]
        r#type: String,
        error: AnswerError,
    },
}

impl From<Wire> for Answer {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Ok { r#type, result } => Self {
                kind: r#type,
                result: Ok(result),
            },
            Wire::Error { r#type, error } => Self {
                kind: r#type,
                result: Err(error),
            },
        }
    }
}

impl From<Answer> for Wire {
    fn from(answer: Answer) -> Self {
        match answer.result {
            Ok(result) => Self::Ok {
                r#type: answer.kind,
                result,
            },
            Err(error) => Self::Error {
                r#type: answer.kind,
                error,
            },
        }
    }
}
