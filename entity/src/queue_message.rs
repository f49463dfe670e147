//! The durable queue of the embedded default (SQLite only).

use sea_orm::entity::prelude::*;

/// The durable queue of the embedded default (SQLite only).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_message")]
pub struct Model {
    /// Order of arrival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `commands`, `queries` or `dead`.
    pub queue: String,
    /// Door the message came through: `usage`, `funding` or `internal`.
    pub door: String,
    /// The message.
    pub body: Vec<u8>,
    /// The sender's name for it.
    pub message_id: Option<String>,
    /// Who waits for the reply.
    pub reply_to: Option<String>,
    /// What the reply is to be marked with.
    pub correlation_id: Option<String>,
    /// How often it has been put back.
    pub attempt: i32,
    /// Not to be taken before this instant.
    pub not_before: Option<DateTimeUtc>,
    /// What else is known of it, for instance why it is dead.
    pub headers: Option<Json>,
    /// When it arrived.
    pub enqueued_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
