//! Answers: the replies to queries.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to a query.
///
/// On the wire: `{"type","status":"ok","result"}` or
/// `{"type","status":"error","error":{"code","message"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Answer {
    /// The `type` of the query.
    pub kind: String,
    /// The result as JSON, whose shape depends on the query, or the error.
    pub result: Result<Value, AnswerError>,
}

/// The reason why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct AnswerError {
    /// The code, such as `wallet_not_found`.
    pub code: String,
    /// A sentence for people. Programs must not parse it.
    pub message: String,
}

/// The result of the `balance` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BalanceResult {
    /// The user who owns the wallet.
    pub user_id: String,
    /// The credits that can be spent now.
    pub available_credits: i64,
    /// The balance in the ledger. Expired credits count until the expiry job removes them.
    pub balance: i64,
    /// The credits that holds reserve. A hold that has ended reserves nothing.
    pub held: i64,
    /// The next instant at which a hold ends. `None` if nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_end_at: Option<DateTime<Utc>>,
    /// The credits that the user owes, because revocations could not take them. 0 from a worker
    /// that knows no debts.
    #[serde(default)]
    pub debt: i64,
    /// The sum of all purchases and grants without what revocations and repayments took, in
    /// credits.
    pub total_earned: i64,
    /// The sum of all consumptions minus refunds, in credits.
    pub total_spent: i64,
    /// `ACTIVE` or `FROZEN`.
    pub status: String,
    /// The credits that expire next. `None` if no credits will expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiring_batch: Option<ExpiringBatch>,
    /// The next grant of a plan. `None` if no grant is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_grant_info: Option<NextGrant>,
    /// The number of changes of the wallet.
    #[serde(default)]
    pub version: i64,
}

/// The next grant of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NextGrant {
    /// The number of credits.
    pub amount: i64,
    /// The start of the period. It is in the past if the grant is due but not made yet.
    pub grant_date: DateTime<Utc>,
    /// The name of the plan.
    pub plan_name: String,
}

/// The credits that expire next: those of all batches that expire at the next expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpiringBatch {
    /// The sum of the credits left in these batches, without held credits.
    pub amount: i64,
    /// The first instant at which they cannot be spent any more.
    pub expires_at: DateTime<Utc>,
}

impl Answer {
    /// An answer with a result.
    pub fn ok(kind: impl Into<String>, result: &impl Serialize) -> Self {
        Self {
            kind: kind.into(),
            // Serialising structs with text keys cannot fail.
            result: Ok(serde_json::to_value(result).unwrap_or_default()),
        }
    }

    /// An answer with an error.
    pub fn error(
        kind: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind: kind.into(),
            result: Err(AnswerError {
                code: code.into(),
                message: message.into(),
            }),
        }
    }

    /// Writes the body of the reply.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising JSON values with text keys cannot fail.
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
