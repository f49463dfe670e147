//! Results of the queries. Names and shapes are those of `scrip --json`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::outcome::AllocationItem;

/// Result of the `transactions` query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionsResult {
    /// Whose wallet.
    pub user_id: String,
    /// The page's transactions, newest first.
    pub items: Vec<TransactionItem>,
    /// How many there are, counted up to 10,000.
    pub total: u64,
    /// There are more than `total`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub total_is_capped: bool,
    /// Which page this is, from 0; absent for a page by cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_index: Option<u32>,
    /// Rows on a page.
    pub page_size: u32,
    /// How many pages `total` makes.
    pub page_count: u64,
    /// Where the next page goes on; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One double-entry posting, or one refusal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionItem {
    /// Its id.
    pub id: Uuid,
    /// What it is: `purchase`, `consumption` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// `COMPLETED`, or `FAILED`: refused.
    pub status: String,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Credits: positive when the wallet gained, negative when it lost.
    pub amount: i64,
    /// Account that the credits left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debit_account: Option<String>,
    /// Account that the credits reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_account: Option<String>,
    /// Balance after it; absent if there was no wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_after: Option<i64>,
    /// Door the command came through: `usage`, `funding` or `internal`.
    pub origin: String,
    /// The caller's reference.
    pub reference_id: String,
    /// What the credits were spent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How much of the service was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// The payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_id: Option<String>,
    /// The line of the payment, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_line: Option<String>,
    /// The subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// Start of the period that it grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<DateTime<Utc>>,
    /// The transaction that this one belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_id: Option<Uuid>,
    /// Free text of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free data of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// What else there is to know: the request of a refusal, who froze the wallet and why, what was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// Effective time of the command.
    pub occurred_at: DateTime<Utc>,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
    /// The batches it took from or added to, in the order of spending.
    #[serde(default)]
    pub allocations: Vec<AllocationItem>,
}

/// Result of the `batches` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchesResult {
    /// Whose wallet.
    pub user_id: String,
    /// Batches in the order in which they are spent.
    pub items: Vec<BatchItem>,
}

/// Credits that arrived together and expire together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItem {
    /// Its id.
    pub id: Uuid,
    /// `ACTIVE`, `CONSUMED`, `EXPIRED` or `REVOKED`.
    pub status: String,
    /// Whether it is ACTIVE though it can no longer be spent: it waits to be swept.
    pub lapsed: bool,
    /// Credits it was issued with.
    pub amount: i64,
    /// Credits left in it.
    pub remaining: i64,
    /// Credits of these that holds reserve.
    pub held: i64,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source_type: String,
    /// Package or plan that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_plan: Option<String>,
    /// Period of a monthly grant, `YYYY-MM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_period: Option<String>,
    /// What was paid for it, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_micros: Option<i64>,
    /// Currency of what was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When it was granted or bought.
    pub issued_at: DateTime<Utc>,
    /// When it can no longer be spent; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The transaction that brought it.
    pub transaction_id: Uuid,
}

/// Result of the `price` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceResult {
    /// The service.
    pub service: String,
    /// Units of it.
    pub quantity: i64,
    /// What they cost.
    pub credits: i64,
    /// How that is computed: `ceil(quantity × credits / per)`.
    pub pricing: Pricing,
    /// The service has no price of its own: this is the one of all such services.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
}

/// A price: so many credits for so many units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pricing {
    /// Credits.
    pub credits: i64,
    /// Units.
    pub per: i64,
}

/// Result of the `packages` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackagesResult {
    /// What is for sale, the smallest first.
    pub items: Vec<PackageItem>,
}

/// A package of credits for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageItem {
    /// Its id: the `packageId` of a purchase.
    pub id: String,
    /// Credits that are paid for.
    pub credits: i64,
    /// Credits on top.
    pub bonus: i64,
    /// Days until they lapse; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_days: Option<i64>,
    /// What it costs, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether it is to be recommended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub popular: bool,
    /// The payment provider's id of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_id: Option<String>,
}

/// Result of the `canPurchase` query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanPurchaseResult {
    /// Who wants to buy.
    pub user_id: String,
    /// Whether he may.
    pub allowed: bool,
    /// Why not: `credits_disabled`, `unknown_package`, `package_disabled` or `paid_plan_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The purchase would take the wallet above the largest balance that is granted for nothing; it is credited all the
    /// same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_cap: bool,
    /// The package that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageItem>,
}
