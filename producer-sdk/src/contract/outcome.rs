//! Outcomes: the replies to commands.

use chrono::{DateTime, Utc};
use scrip_types::Status;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The result of a command. Fields that do not apply are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The reference of the command.
    pub reference_id: String,
    /// The `type` of the command.
    #[serde(rename = "type")]
    pub kind: String,
    /// The user who owns the wallet.
    pub user_id: String,
    /// Whether the command was applied or refused.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub status: Status,
    /// Whether an earlier copy of the command decided this outcome. Then this copy changed nothing.
    pub replayed: bool,
    /// The net change of the balance, in credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The balance after the command, as stored at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// The credits that can be spent now. `None` if the outcome is replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// The double-entry postings, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transactions: Vec<Posting>,
    /// The changes of batches, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<AllocationItem>,
    /// The credits that the hold reserves after the command: after a `hold`, and after a `capture`
    /// or `release`, which may leave 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<i64>,
    /// The first instant at which the hold reserves nothing any more, while it reserves credits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_expires_at: Option<DateTime<Utc>>,
    /// The credits that a `capture` with `overrun: "cap"` did not charge, because neither the hold
    /// nor the available credits covered them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncaptured: Option<i64>,
    /// The credits of deposits that a `revoke` revoked, whether they were taken, are owed or had
    /// expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<i64>,
    /// The revoked credits that were taken from batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<i64>,
    /// The revoked credits that became debt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indebted: Option<i64>,
    /// The credits that a `reinstate` returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<i64>,
    /// The debt that a `reinstate` cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<i64>,
    /// The debt that a `forgive` wrote off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgiven: Option<i64>,
    /// The credits that the command added or returned, and that repaid debt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaid: Option<i64>,
    /// The debt after the command, if it is about debt or has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt: Option<i64>,
    /// The credits that were granted, if the cap clipped a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<i64>,
    /// The credits that were not granted, if the cap clipped a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<i64>,
    /// The reason why the grant of a period brought no credits: `lapsed` or `paid_plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Whether the subscription event is older than the latest known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,
    /// Whether a purchase took the wallet over the cap. The purchase is credited nevertheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_cap: Option<bool>,
    /// Whether the default price was charged, or would have been, because the service has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_price: Option<bool>,
    /// The refusal. `None` if the command was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
}

impl Outcome {
    /// Whether the command was applied.
    pub fn is_completed(&self) -> bool {
        self.status == Status::Completed
    }

    /// The code of the refusal, if the command was refused.
    pub fn error_code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }

    /// Writes the body of the reply.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising a struct of strings and integers cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// One double-entry posting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Posting {
    /// The id of the transaction.
    pub id: Uuid,
    /// The type, such as `consumption` or `purchase`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Credits. Positive if the wallet gains, negative if it loses.
    pub amount: i64,
}

/// The change of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllocationItem {
    /// The id of the batch.
    pub batch_id: Uuid,
    /// Credits, with the sign of the transaction.
    pub amount: i64,
    /// The credits that are left in the batch afterwards.
    pub batch_remaining: i64,
}

/// The reason why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeError {
    /// The code, from the closed list of refusals.
    pub code: String,
    /// A sentence for people. Programs must not parse it.
    pub message: String,
    /// The cost of the command, for `insufficient_credits`. The credits that the command names, for
    /// `refund_exceeds_consumption`, `revoke_exceeds_credits` and `forgive_exceeds_debt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<i64>,
    /// The spendable credits, for `insufficient_credits`. The credits that are left, for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// The reference of the command that credited the payment, for `duplicate_payment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reference_id: Option<String>,
    /// The transaction that credited the payment, for `duplicate_payment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_transaction_id: Option<Uuid>,
}
