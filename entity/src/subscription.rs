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
    /// From where periods are counted, for ever.
    pub anchor: DateTimeUtc,
    /// Since when it runs, or ran last; `None`: it never did.
    pub activated_at: Option<DateTimeUtc>,
    /// No period that starts at or after this is granted.
    pub ended_at: Option<DateTimeUtc>,
    /// No period that starts at or after this is granted yet.
    pub paid_through: Option<DateTimeUtc>,
    /// Start of the next period that is still to be handled.
    pub next_period_start: Option<DateTimeUtc>,
    /// The same while it may come due; `None`: nothing does.
    pub due_at: Option<DateTimeUtc>,
    /// When what `status` says happened, as the message told: a later one wins.
    pub status_at: DateTimeUtc,
    /// When the row was written.
    pub created_at: DateTimeUtc,
    /// When the row was written last.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
