//! The time of the database, with which a worker compares its own clock.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::db::{Database, StoreError};

const SERVER: &str = "SELECT clock_timestamp() AS time";

/// The newest booking time of the last 100 transactions. Ids are in the order of time, except
/// around a step of the clock.
const FILE: &str = "\
SELECT max(created_at) AS time
  FROM (SELECT created_at FROM credits_transaction ORDER BY id DESC LIMIT 100)";

/// The time of the server. For a file, the booking time of its newest transaction, or `None` if it
/// has none.
pub async fn time(db: &Database) -> Result<Option<DateTime<Utc>>, StoreError> {
    let doing = "read the database's time";
    let statement = if db.has_clock() {
        Statement::from_string(db.backend(), SERVER)
    } else {
        Statement::from_string(db.backend(), FILE)
    };
    let queried = db.read_connection().query_one_raw(statement);
    let row = db.timeout().wait(doing, queried).await?;
    let time = row.map(|row| row.try_get("", "time")).transpose();
    Ok(time.map_err(StoreError::database(doing))?.flatten())
}
