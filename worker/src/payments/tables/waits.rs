//! The table `payment_wait`.

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::super::{LinkKey, Provider};
use crate::db::{Database, StoreError, get};

/// Maximum of events that one link wakes at once. The event that brings the link may be sent again
/// for more.
const MAX_WAITING: i64 = 10_000;

const PUT: &str = "\
INSERT INTO payment_wait (event, provider, kind, external_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (event, kind, external_id) DO NOTHING";

const CLEAR: &str = "DELETE FROM payment_wait WHERE event = $1";

/// The open events that wait for a link, oldest first.
const WAITING: &str = "\
SELECT e.event_id FROM payment_wait w JOIN payment_event e ON e.id = w.event
 WHERE w.provider = $1 AND w.kind = $2 AND w.external_id = $3
   AND e.status IN ('RECEIVED', 'UNMAPPED')
 ORDER BY e.received_at, e.id LIMIT $4";

/// Stores the links that an event waits for.
pub async fn put(
    db: &Database,
    event: Uuid,
    provider: Provider,
    keys: &[LinkKey],
) -> Result<(), StoreError> {
    for key in keys {
        let values = [
            event.into(),
            provider.as_str().into(),
            <&str>::from(key.kind).into(),
            key.id.as_str().into(),
        ];
        let statement = Statement::from_sql_and_values(db.backend(), PUT, values);
        let put = db.connection().execute_raw(statement);
        db.write("store a link that an event waits for", put)
            .await?;
    }
    Ok(())
}

/// Forgets what an event waits for.
pub async fn clear(db: &Database, event: Uuid) -> Result<(), StoreError> {
    let statement = Statement::from_sql_and_values(db.backend(), CLEAR, [event.into()]);
    let cleared = db.connection().execute_raw(statement);
    db.write("delete the links that an event waits for", cleared)
        .await
        .map(drop)
}

/// The ids of the open events that wait for a link, oldest first.
pub async fn waiting(
    db: &Database,
    provider: Provider,
    key: &LinkKey,
) -> Result<Vec<String>, StoreError> {
    let values = [
        provider.as_str().into(),
        <&str>::from(key.kind).into(),
        key.id.as_str().into(),
        MAX_WAITING.into(),
    ];
    let statement = Statement::from_sql_and_values(db.backend(), WAITING, values);
    let rows = db.connection().query_all_raw(statement);
    let rows = db
        .timeout()
        .wait("list the events that wait for a link", rows)
        .await?;
    rows.iter().map(|row| get(row, "event_id")).collect()
}
