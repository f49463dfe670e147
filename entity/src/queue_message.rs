//! The durable queue of the embedded mode (SQLite only).

use sea_orm::entity::prelude::*;

/// The durable queue of the embedded mode (SQLite only).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_message")]
pub struct Model {
    /// The position in the order of arrival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `commands`, `queries` or `dead`.
    pub queue: String,
    /// The origin of the message: `usage`, `funding` or `internal`.
    pub origin: String,
    pub body: Vec<u8>,
    /// The sender's id of the message.
    pub message_id: Option<String>,
    /// The id of the client that waits for the reply.
    pub reply_to: Option<String>,
    /// The correlation id that the reply must have.
    pub correlation_id: Option<String>,
    /// The number of times that it was put back into the queue.
    pub attempt: i32,
    /// The instant before which it must not be taken.
    pub not_before: Option<DateTimeUtc>,
    /// Further properties, for example why it is a dead letter.
    pub headers: Option<Json>,
    /// When it was enqueued.
    pub enqueued_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
