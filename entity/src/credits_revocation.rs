//! How many credits of a deposit were revoked.

use sea_orm::entity::prelude::*;

/// How many credits of a deposit were revoked. A deposit is a transaction that brought credits. One
/// that was never revoked from has no row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_revocation")]
pub struct Model {
    /// The deposit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The credits that the deposit brought.
    pub issued: i64,
    /// The credits that are revoked, at most `issued`. Reinstatements lower it.
    pub revoked: i64,
    /// The part of a credit that rounding left out of `revoked`, in millionths.
    pub fraction: i64,
    /// The part of `revoked` that was taken from the wallet.
    pub taken: i64,
    /// The part of `revoked` that became debt. The rest had expired.
    pub indebted: i64,
    /// When the first revocation was booked.
    pub created_at: DateTimeUtc,
    /// When the last change was booked.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
