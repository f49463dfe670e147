//! Replies of the embedded queue that wait to be fetched (SQLite only).

use sea_orm::entity::prelude::*;

/// Replies of the embedded queue that wait to be fetched (SQLite only).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_reply")]
pub struct Model {
    /// The position in the order of arrival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The id of the client that waits for it.
    pub reply_to: String,
    /// The correlation id of the request.
    pub correlation_id: Option<String>,
    pub body: Vec<u8>,
    /// When it was written.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
