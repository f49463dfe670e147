//! Reads the subscriptions of users.

use std::collections::HashMap;

use ledger::Subscription;
use sea_orm::ConnectionTrait;
use tracing::warn;

use super::{ReadError, stored_subscriptions};

/// The subscriptions of `users`, by user. Users without subscriptions are left out.
pub async fn subscriptions(
    db: &impl ConnectionTrait,
    users: &[&str],
) -> Result<HashMap<String, Vec<Subscription>>, ReadError> {
    let mut found: HashMap<String, Vec<Subscription>> = HashMap::new();
    for subscription in read(db, users, &[]).await? {
        let of_user = found.entry(subscription.user_id.clone()).or_default();
        of_user.push(subscription);
    }
    Ok(found)
}

/// The subscriptions with these ids.
pub async fn with_ids(
    db: &impl ConnectionTrait,
    ids: &[&str],
) -> Result<Vec<Subscription>, ReadError> {
    read(db, &[], ids).await
}

async fn read(
    db: &impl ConnectionTrait,
    users: &[&str],
    ids: &[&str],
) -> Result<Vec<Subscription>, ReadError> {
    let statement = stored_subscriptions::statement(
        db.get_database_backend(),
        users.iter().copied(),
        ids.iter().copied(),
    );
    let rows = db.query_all_raw(statement).await;
    let rows = rows.map_err(ReadError::reading("subscriptions"))?;
    let found =
        stored_subscriptions::from_rows(&rows).map_err(ReadError::store("subscriptions"))?;
    // An unreadable subscription must not block the others. `verify` reports it.
    let readable = found.into_iter().filter_map(|subscription| {
        subscription
            .inspect_err(|error| warn!(%error, "unreadable subscription left out"))
            .ok()
    });
    Ok(readable.collect())
}
