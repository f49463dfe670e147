//! Replies of the embedded queue that wait to be fetched (SQLite only).

use sea_orm::entity::prelude::*;

/// Replies of the embedded queue that wait to be fetched (SQLite only).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_reply")]
pub struct Model {
    /// Order of arrival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who waits for it.
    pub reply_to: String,
    /// What the question was marked with.
    pub correlation_id: Option<String>,
    /// The reply.
    pub body: Vec<u8>,
    /// When it was given.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
