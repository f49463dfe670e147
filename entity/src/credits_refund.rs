//! How many credits of a consumption were returned.

use sea_orm::entity::prelude::*;

/// How many credits of a consumption were returned. A consumption without refunds has no row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_refund")]
pub struct Model {
    /// The consumption.
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The credits that the consumption took.
    pub taken: i64,
    /// The credits that its refunds returned, at most `taken`.
    pub refunded: i64,
    /// When the first refund was booked.
    pub created_at: DateTimeUtc,
    /// When the last refund was booked.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
