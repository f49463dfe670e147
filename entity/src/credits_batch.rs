//! Batches: credits that arrived together and expire together.

use sea_orm::entity::prelude::*;

/// Batches: credits that arrived together and expire together.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_batch")]
pub struct Model {
    /// Id of the batch, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner.
    pub user_id: String,
    /// Credits it was issued with, 1 to 10^15.
    pub amount: i64,
    /// Credits left in it; 0 as soon as it is not ACTIVE.
    pub remaining: i64,
    /// Credits of `remaining` that holds reserve; these do not expire while held.
    pub held: i64,
    /// When the credits were granted or bought; older is spent first.
    pub issued_at: DateTimeUtc,
    /// First instant at which the batch can no longer be spent; `None`: never expires.
    pub expires_at: Option<DateTimeUtc>,
    /// `ACTIVE` while something remains, then `CONSUMED`, `EXPIRED` or `REVOKED`.
    pub status: String,
    /// `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    pub source_type: String,
    /// Package or plan that it came from.
    pub source_plan: Option<String>,
    /// Period of a monthly grant, `YYYY-MM` of its start.
    pub grant_period: Option<String>,
    /// What was paid for it, in millionths of a unit of `currency`.
    pub paid_micros: Option<i64>,
    /// Currency of `paid_micros`, as the payment named it.
    pub currency: Option<String>,
    /// The transaction that brought it.
    pub transaction_id: Uuid,
    /// How many expirations have been posted from it.
    pub expirations: i32,
    /// When the row was written.
    pub created_at: DateTimeUtc,
    /// When the row was written last.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
