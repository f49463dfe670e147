//! Events of payment providers.

use sea_orm::entity::prelude::*;

/// Events of payment providers.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_event")]
pub struct Model {
    /// A UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `stripe` or `creem`.
    pub provider: String,
    /// The provider's id of the event.
    pub event_id: String,
    /// The provider's name of the kind of event.
    pub kind: String,
    /// `RECEIVED`, then `APPLIED`, `IGNORED` or `UNMAPPED`.
    pub status: String,
    /// Why the event was ignored or not mapped. `None`: neither.
    pub reason: Option<String>,
    /// What was found, for people.
    pub detail: Option<String>,
    /// One of the links that the event waits for, as `kind:id`, for people.
    pub waits_for: Option<String>,
    /// The user of its commands.
    pub user_id: Option<String>,
    /// The references of its commands, as a list.
    pub reference_ids: Json,
    /// The body as received.
    pub body: String,
    /// When it happened, by the provider.
    pub occurred_at: Option<DateTimeUtc>,
    /// When it was received first.
    pub received_at: DateTimeUtc,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
