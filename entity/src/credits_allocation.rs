//! Allocations: which batch funded, got or got back how much of which transaction.

use sea_orm::entity::prelude::*;

/// Allocations: which batch funded, got or got back how much of which transaction.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_allocation")]
pub struct Model {
    /// The transaction.
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: Uuid,
    /// The batch.
    #[sea_orm(primary_key, auto_increment = false)]
    pub batch_id: Uuid,
    /// Credits, signed like the transaction; never 0.
    pub amount: i64,
    /// `remaining` of the batch after it.
    pub batch_remaining: i64,
    /// When it was decided.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
