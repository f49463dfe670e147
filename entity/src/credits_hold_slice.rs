//! Slices of holds: the part of a hold that one batch funds.

use sea_orm::entity::prelude::*;

/// Slices of holds: the part of a hold that one batch funds.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_hold_slice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hold_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub batch_id: Uuid,
    /// Its place in the order in which captures take the slices, from 0.
    pub position: i32,
    /// Credits that were reserved at first. Never 0.
    pub amount: i64,
    /// Credits of `amount` that captures took from the batch.
    pub captured: i64,
}

impl ActiveModelBehavior for ActiveModel {}
