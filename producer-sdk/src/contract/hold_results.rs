//! The results of the queries `holds` and `quote`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::outcome::OutcomeError;

/// The result of the `holds` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldsResult {
    /// The user who owns the wallet.
    pub user_id: String,
    /// The holds, the first to end first. Closed holds come last.
    pub items: Vec<HoldItem>,
}

/// Credits that are reserved for one piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldItem {
    /// The reference of the hold, which captures and the release name.
    pub reference_id: String,
    /// The origin of the hold: `usage` or `funding`.
    pub origin: String,
    /// `OPEN`, `CAPTURED`, `RELEASED` or `EXPIRED`.
    pub status: String,
    /// Whether it has ended by time but is still OPEN, because no command and no job has closed it
    /// yet. Its credits are available.
    pub lapsed: bool,
    /// The name of the service.
    pub service: String,
    /// The credits that were reserved at first.
    pub amount: i64,
    /// The credits that are reserved now. 0 if it has ended.
    pub held: i64,
    /// The credits that captures have charged.
    pub captured: i64,
    /// The first instant at which nothing is reserved any more.
    pub expires_at: DateTime<Utc>,
    /// When it was captured, released or closed after its end. `None` while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The transaction of the hold.
    pub transaction_id: Uuid,
}

/// The result of the `quote` query: what a `hold` or `consume` would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuoteResult {
    /// The user who owns the wallet.
    pub user_id: String,
    /// The name of the service.
    pub service: String,
    /// The number of units. `None` if the query names an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The cost. `None` if the service has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
    /// Whether it is the default price, because the service has no price.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Whether the command would be applied.
    pub allowed: bool,
    /// The credits that can be spent now.
    pub available: i64,
    /// The batches that would be used, in spending order. Empty if the command would be refused.
    #[serde(default)]
    pub batches: Vec<QuoteBatch>,
    /// The refusal of the command. `None` if it would be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OutcomeError>,
}

/// A batch that a command would use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuoteBatch {
    /// The id of the batch. `None` if a period of a plan is due that brings it and was not granted
    /// yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// The credits of the batch that would be used.
    pub amount: i64,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source_type: String,
    /// The first instant at which it cannot be spent any more. `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}
