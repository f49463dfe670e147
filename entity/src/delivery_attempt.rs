//! Crash counters: one row per queue. They detect messages that may crash their worker.

use sea_orm::entity::prelude::*;

/// Crash counters: one row per queue. They detect messages that may crash their worker.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// The message of the last recorded attempt: its id and a hash of its body.
    pub message: String,
    /// The number of consecutive attempts with this message.
    pub tries: i32,
    /// When the last attempt was recorded.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
