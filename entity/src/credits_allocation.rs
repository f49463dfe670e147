//! Allocations: the part of a transaction that one batch funded, received or got back.

use sea_orm::entity::prelude::*;

/// Allocations: the part of a transaction that one batch funded, received or got back.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_allocation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub batch_id: Uuid,
    /// Credits, with the sign of the transaction. Never 0.
    pub amount: i64,
    /// The batch's `remaining` after the transaction.
    pub batch_remaining: i64,
    /// When the transaction was decided.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
