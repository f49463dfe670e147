//! The lease: it determines which worker serves the lane. After it expires, another worker may take
//! it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{EmbeddedError, queue::instant};

/// Duration of a lease that is not renewed.
pub const DURATION: Duration = Duration::from_secs(3);

const LANE: &str = "commands";

const TAKE: &str = "\
INSERT INTO queue_lease (lane, owner, until) VALUES ($1, $2, $3)
ON CONFLICT (lane) DO UPDATE SET owner = excluded.owner, until = excluded.until
 WHERE queue_lease.owner = excluded.owner OR queue_lease.until <= $4";

const RELEASE: &str = "DELETE FROM queue_lease WHERE lane = $1 AND owner = $2";

/// Takes or renews the lease; `false`: another worker holds it.
pub async fn take<C: ConnectionTrait>(
    connection: &C,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<bool, EmbeddedError> {
    let until = now + TimeDelta::from_std(DURATION).unwrap_or_default();
    let values = [LANE.into(), owner.into(), instant(until), instant(now)];
    let taken = connection
        .execute_raw(Statement::from_sql_and_values(
            DbBackend::Sqlite,
            TAKE,
            values,
        ))
        .await
        .map_err(EmbeddedError::doing("take the lease of the lane"))?;
    Ok(taken.rows_affected() == 1)
}

/// Whether a worker holds the lease now.
pub async fn is_held<C: ConnectionTrait>(connection: &C) -> Result<bool, EmbeddedError> {
    let held = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "SELECT 1 FROM queue_lease WHERE lane = $1 AND until > $2",
        [LANE.into(), instant(Utc::now())],
    );
    let found = connection
        .query_one_raw(held)
        .await
        .map_err(EmbeddedError::doing("look up the lease of the lane"))?;
    Ok(found.is_some())
}

/// Releases the lease, so that another worker does not wait until it expires.
pub async fn release<C: ConnectionTrait>(connection: &C, owner: &str) -> Result<(), EmbeddedError> {
    let values = [LANE.into(), owner.into()];
    connection
        .execute_raw(Statement::from_sql_and_values(
            DbBackend::Sqlite,
            RELEASE,
            values,
        ))
        .await
        .map_err(EmbeddedError::doing("release the lease of the lane"))?;
    Ok(())
}
