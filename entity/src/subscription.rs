//! Subscriptions: what a user is subscribed to, and when the next period is due.

use sea_orm::entity::prelude::*;

/// Subscriptions: what a user is subscribed to, and when the next period is due.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription")]
pub struct Model {
    /// The payment provider's id, or `free:` and the user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The subscriber.
    pub user_id: String,
    /// Name of the plan.
    pub plan: String,
    /// `ACTIVE`, `TRIALING`, `PAST_DUE`, `PAUSED`, `CANCELED` or `EXPIRED`.
    pub status: String,
    /// From where periods are counted; fixed when the first period is granted.
    pub anchor: DateTimeUtc,
    /// Since when it runs, or ran last; `None`: it never did.
    pub activated_at: Option<DateTimeUtc>,
    /// Since when it does not run any more; `None` while it is neither over nor paused.
    pub ended_at: Option<DateTimeUtc>,
    /// Up to where it is paid since it was last canceled or expired; `None`: no event named it.
    pub paid_through: Option<DateTimeUtc>,
    /// The same as `due_at`, for workers of an earlier version.
    pub next_period_start: Option<DateTimeUtc>,
    /// Start of the earliest period that was not handled and that is or may become due; `None`: there is none.
    pub due_at: Option<DateTimeUtc>,
    /// Time of the latest event.
    pub status_at: DateTimeUtc,
    /// When the row was written.
    pub created_at: DateTimeUtc,
    /// When the row was written last.
    pub updated_at: DateTimeUtc,
    /// When `status` was entered; `None`: written by an earlier version, which kept `status_at` only.
    pub status_since: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
