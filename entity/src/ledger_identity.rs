//! The identity of the ledger: a table with one row.

use sea_orm::entity::prelude::*;

/// The identity of the ledger: a table with one row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_identity")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    /// A random id that the migration creates. On the broker the queue `{ns}.ledger` has the same
    /// id.
    pub id: Uuid,
}

impl ActiveModelBehavior for ActiveModel {}
