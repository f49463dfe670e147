//! Which ledger this is: one row.

use sea_orm::entity::prelude::*;

/// Which ledger this is: one row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_identity")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    /// Random, made by the migration; the queue `{ns}.ledger` carries it on the broker.
    pub id: Uuid,
}

impl ActiveModelBehavior for ActiveModel {}
