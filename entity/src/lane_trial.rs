//! Messages that may be killing their worker: one row for each queue.

use sea_orm::entity::prelude::*;

/// Messages that may be killing their worker: one row for each queue.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lane_trial")]
pub struct Model {
    /// The queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// The message that was last taken alone: its id and a hash of its body.
    pub message: String,
    /// How often it was taken, without another in between.
    pub tries: i32,
    /// When it was last taken.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
