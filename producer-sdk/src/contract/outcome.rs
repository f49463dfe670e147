//! What became of a command: the reply to it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What became of a command. What does not apply is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The command's reference.
    pub reference_id: String,
    /// The command's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose wallet.
    pub user_id: String,
    /// Completed, or refused by the rules.
    pub status: Status,
    /// The command had been decided before; this is that decision again, and nothing was changed by this copy.
    pub replayed: bool,
    /// Net change of the wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Balance after the command, as it was stored then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// What may be spent now; only in a live outcome, not in a replayed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// The double-entry postings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<Posting>,
    /// Which batches gave or got how much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<AllocationItem>,
    /// Credits given, where a grant was clipped to the largest balance allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<i64>,
    /// Credits withheld, where a grant was clipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<i64>,
    /// Why a period's grant brought nothing: `lapsed` or `paid_plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What was said of a subscription was older than what is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,
    /// A purchase took the wallet above the largest balance allowed (it is credited all the same).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_cap: Option<bool>,
    /// The service has no price, so the worker's default price was charged, or would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_price: Option<bool>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
}

impl Outcome {
    /// Whether the command was carried out.
    pub fn is_completed(&self) -> bool {
        self.status == Status::Completed
    }

    /// The refusal's code, if it was refused.
    pub fn error_code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }

    /// Write the reply's body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings and integers cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whether a command was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Carried out.
    Completed,
    /// Refused by the rules.
    Failed,
}

/// One double-entry posting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posting {
    /// The transaction.
    pub id: Uuid,
    /// Its type, such as `consumption` or `purchase`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Positive when the wallet gains, negative when it loses.
    pub amount: i64,
}

/// One batch's part in a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AllocationItem {
    /// The batch.
    pub batch_id: Uuid,
    /// Signed like its transaction.
    pub amount: i64,
    /// What is left in the batch after it.
    pub batch_remaining: i64,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeError {
    /// Which of the closed list of refusals.
    pub code: String,
    /// For people, never to be parsed.
    pub message: String,
    /// Credits that were needed (`insufficient_credits`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<i64>,
    /// Credits that were there (`insufficient_credits`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// Reference of the command that credited the payment (`duplicate_payment`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reference_id: Option<String>,
    /// Transaction that credited the payment (`duplicate_payment`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_transaction_id: Option<Uuid>,
}
