//! The results of queries. Names and shapes are those of `scrip --json`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::outcome::AllocationItem;

/// The result of the `transactions` query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactionsResult {
    /// The user who owns the wallet.
    pub user_id: String,
    /// The page's transactions, newest first.
    pub items: Vec<TransactionItem>,
    /// The number of transactions, counted up to 10,000.
    pub total: u64,
    /// Whether there are more transactions than `total`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub total_is_capped: bool,
    /// The number of this page, starting at 0. `None` for a page by cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_index: Option<u32>,
    /// The number of rows per page.
    pub page_size: u32,
    /// The number of pages for `total` rows.
    pub page_count: u64,
    /// The cursor of the next page. `None` on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One double-entry posting, or one refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransactionItem {
    /// The id of the transaction.
    pub id: Uuid,
    /// The type: `purchase`, `consumption` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// `COMPLETED`, or `FAILED` if it was refused.
    pub status: String,
    /// The code of the refusal. `None` unless it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Credits. Positive if the wallet gained, negative if it lost.
    pub amount: i64,
    /// The change of the wallet's debt, in credits. `None` if it stayed the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt_change: Option<i64>,
    /// The account that the credits left. `None` if no credits moved and the debt stayed the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debit_account: Option<String>,
    /// The account that the credits reached. `None` if no credits moved and the debt stayed the
    /// same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_account: Option<String>,
    /// The balance afterwards. `None` if the user had no wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_after: Option<i64>,
    /// The origin of the command: `usage`, `funding` or `internal`.
    pub origin: String,
    /// The reference of the command.
    pub reference_id: String,
    /// The service that the credits were spent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The number of units that were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The payment provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_id: Option<String>,
    /// The line of the payment, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_line: Option<String>,
    /// The id of the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The start of the granted period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<DateTime<Utc>>,
    /// The transaction that this one belongs to: the purchase of a bonus, the consumption of a
    /// refund, what a revocation takes back, the revocation of a reinstatement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_id: Option<Uuid>,
    /// The reference of that transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_reference_id: Option<String>,
    /// The caller's text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The caller's JSON object for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Further details: the request of a refusal, the reason and actor of a freeze, the credits or
    /// period that were skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The effective time of the command.
    pub occurred_at: DateTime<Utc>,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// The changes of batches, in the order of spending.
    #[serde(default)]
    pub allocations: Vec<AllocationItem>,
}

/// The result of the `batches` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchesResult {
    /// The user who owns the wallet.
    pub user_id: String,
    /// The batches, in the order in which they are spent.
    pub items: Vec<BatchItem>,
}

/// Credits that were added together and expire together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchItem {
    /// The id of the batch.
    pub id: Uuid,
    /// `ACTIVE`, `CONSUMED`, `EXPIRED` or `REVOKED`.
    pub status: String,
    /// Whether it has expired but is still ACTIVE, because the expiry job has not removed its
    /// credits yet.
    pub lapsed: bool,
    /// The credits it was issued with.
    pub amount: i64,
    /// The credits that are left.
    pub remaining: i64,
    /// The credits of `remaining` that holds reserve.
    pub held: i64,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source_type: String,
    /// The package or plan it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_plan: Option<String>,
    /// The month of the granted period, as `YYYY-MM`. `None` unless it is a monthly grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_period: Option<String>,
    /// The price that was paid for it, in millionths of the currency's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_micros: Option<i64>,
    /// The currency of `paid_micros`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When it was granted or bought.
    pub issued_at: DateTime<Utc>,
    /// The first instant at which it cannot be spent any more. `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The transaction that added it.
    pub transaction_id: Uuid,
}

/// The result of the `price` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PriceResult {
    /// The name of the service.
    pub service: String,
    /// The number of units.
    pub quantity: i64,
    /// The cost of these units, in credits.
    pub credits: i64,
    /// The price behind the cost: `ceil(quantity × credits / per)`.
    pub pricing: Pricing,
    /// Whether it is the default price, because the service has no price.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
}

/// A price: `credits` for each `per` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pricing {
    /// The credits for `per` units.
    pub credits: i64,
    /// The number of units that `credits` pays for.
    pub per: i64,
}

/// The result of the `packages` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackagesResult {
    /// The packages for sale, the smallest first.
    pub items: Vec<PackageItem>,
}

/// A package of credits for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PackageItem {
    /// The id, which is the `packageId` of a purchase.
    pub id: String,
    /// The credits that are paid for.
    pub credits: i64,
    /// The free credits on top.
    pub bonus: i64,
    /// Days until the credits expire. `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_days: Option<i64>,
    /// The price, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// The currency of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether the shop should recommend it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub popular: bool,
    /// The payment provider's id of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_id: Option<String>,
}

/// The result of the `canPurchase` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CanPurchaseResult {
    /// The user who wants to buy.
    pub user_id: String,
    /// Whether the user may buy.
    pub allowed: bool,
    /// The reason if not: `credits_disabled`, `unknown_package`, `package_disabled` or
    /// `paid_plan_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the purchase would take the wallet over the cap of free grants. It would be credited
    /// nevertheless.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_cap: bool,
    /// The package in the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageItem>,
}
