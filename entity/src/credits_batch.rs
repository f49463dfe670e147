//! Batches: credits that were added together and expire together.

use sea_orm::entity::prelude::*;

/// Batches: credits that were added together and expire together.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_batch")]
pub struct Model {
    /// The id of the batch, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// Credits it was issued with, 1 to 10^15.
    pub amount: i64,
    /// Credits left in it. 0 once it is not ACTIVE.
    pub remaining: i64,
    /// Credits of `remaining` that holds reserve. They do not expire while they are held.
    pub held: i64,
    /// When the credits were granted or bought. Older batches are spent first.
    pub issued_at: DateTimeUtc,
    /// The first instant at which it cannot be spent any more. `None` means that it never expires.
    pub expires_at: Option<DateTimeUtc>,
    /// `ACTIVE` while credits remain, then `CONSUMED`, `EXPIRED` or `REVOKED`.
    pub status: String,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source_type: String,
    /// The package or plan it came from.
    pub source_plan: Option<String>,
    /// The month of the granted period, as `YYYY-MM`. `None` unless it is a monthly grant.
    pub grant_period: Option<String>,
    /// The price that was paid for it, in millionths of a unit of `currency`.
    pub paid_micros: Option<i64>,
    /// The currency of `paid_micros`, as reported with the payment.
    pub currency: Option<String>,
    /// The transaction that added it.
    pub transaction_id: Uuid,
    /// The transaction that brought its credits first, if a refund or a reinstatement added the
    /// batch in place of another one. `None` if it is `transaction_id`.
    pub deposit_id: Option<Uuid>,
    /// The number of expirations that were posted for it.
    pub expirations: i32,
    /// When the row was first written.
    pub created_at: DateTimeUtc,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
