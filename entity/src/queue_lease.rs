//! Leases of the lanes of the embedded queue (SQLite only).

use sea_orm::entity::prelude::*;

/// Leases of the lanes of the embedded queue (SQLite only).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_lease")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub lane: String,
    /// The worker that serves it.
    pub owner: String,
    /// The end of the lease. Afterwards another worker may take it.
    pub until: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
