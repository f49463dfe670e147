//! The links that open events of payment providers wait for.

use sea_orm::entity::prelude::*;

/// A link that an open event of a payment provider waits for.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_wait")]
pub struct Model {
    /// The `id` of the row in `payment_event`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event: Uuid,
    /// `stripe` or `creem`.
    pub provider: String,
    /// `customer`, `subscription`, `payment` or `invoice`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The provider's id of the object.
    #[sea_orm(primary_key, auto_increment = false)]
    pub external_id: String,
}

impl ActiveModelBehavior for ActiveModel {}
