//! Subscriptions of users, with the start of the next period that is due.

use sea_orm::entity::prelude::*;

/// Subscriptions of users, with the start of the next period that is due.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription")]
pub struct Model {
    /// The payment provider's id, or `free:` followed by the user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The subscriber.
    pub user_id: String,
    pub plan: String,
    /// `ACTIVE`, `TRIALING`, `PAST_DUE`, `PAUSED`, `CANCELED` or `EXPIRED`.
    pub status: String,
    /// The instant from which periods are counted. It is fixed when the first period is granted.
    pub anchor: DateTimeUtc,
    /// The instant since which it runs, or the start of the last time that it ran. `None` if it
    /// never ran.
    pub activated_at: Option<DateTimeUtc>,
    /// The instant at which it stopped. `None` while it is neither over nor paused.
    pub ended_at: Option<DateTimeUtc>,
    /// The instant up to which it is paid, by the events since it was last canceled or expired.
    /// `None` if no such event names it.
    pub paid_through: Option<DateTimeUtc>,
    /// The same as `due_at`, for workers of an earlier version.
    pub next_period_start: Option<DateTimeUtc>,
    /// The start of the earliest unhandled period that is or may become due. `None` if there is
    /// none.
    pub due_at: Option<DateTimeUtc>,
    /// The time of the latest event.
    pub status_at: DateTimeUtc,
    /// The start of the current status. `None` in rows of an earlier version, which stored only
    /// `status_at`.
    pub status_since: Option<DateTimeUtc>,
    /// When the row was first written.
    pub created_at: DateTimeUtc,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
