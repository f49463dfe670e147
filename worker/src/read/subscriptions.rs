//! What users are subscribed to.

use std::collections::HashMap;

use entity::subscription;
use ledger::{Subscription, SubscriptionStatus};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};

use super::ReadError;

/// The subscriptions of each of `users` who has any.
pub async fn subscriptions(
    db: &DatabaseConnection,
    users: &[&str],
) -> Result<HashMap<String, Vec<Subscription>>, ReadError> {
    let rows = subscription::Entity::find()
        .filter(subscription::Column::UserId.is_in(users.iter().copied()))
        .all(db)
        .await
        .map_err(ReadError::of("subscriptions"))?;
    let mut found: HashMap<String, Vec<Subscription>> = HashMap::new();
    for row in rows {
        if let Some(subscription) = of(row) {
            let of_user = found.entry(subscription.user_id.clone()).or_default();
            of_user.push(subscription);
        }
    }
    Ok(found)
}

/// A row as the core sees it; `None` for a status that this version does not know.
pub(crate) fn of(row: subscription::Model) -> Option<Subscription> {
    Some(Subscription {
        status: SubscriptionStatus::parse(&row.status)?,
        id: row.id,
        user_id: row.user_id,
        plan: row.plan,
        anchor: row.anchor,
        activated_at: row.activated_at,
        ended_at: row.ended_at,
        paid_through: row.paid_through,
        next_period_start: row.next_period_start,
        status_at: row.status_at,
        dirty: false,
    })
}
