//! Which worker serves the lane. A lease that was not renewed in time may be taken by another worker.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{EmbeddedError, queue::instant};

/// How long a lease lasts when its holder says nothing more.
pub const LASTS: Duration = Duration::from_secs(3);

const LANE: &str = "commands";

const TAKE: &str = "\
INSERT INTO queue_lease (lane, owner, until) VALUES ($1, $2, $3)
ON CONFLICT (lane) DO UPDATE SET owner = excluded.owner, until = excluded.until
 WHERE queue_lease.owner = excluded.owner OR queue_lease.until <= $4";

const RELEASE: &str = "DELETE FROM queue_lease WHERE lane = $1 AND owner = $2";

/// Takes the lease, or renews it; `false` when another worker holds it.
pub async fn take<C: ConnectionTrait>(
    connection: &C,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<bool, EmbeddedError> {
    let until = now + TimeDelta::from_std(LASTS).unwrap_or_default();
    let values = [LANE.into(), owner.into(), instant(until), instant(now)];
    let taken = connection
        .execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, TAKE, values))
        .await
        .map_err(EmbeddedError::doing("take the lease of the lane"))?;
    Ok(taken.rows_affected() == 1)
}

/// Gives the lease back, so that another worker need not wait for its end.
pub async fn release<C: ConnectionTrait>(connection: &C, owner: &str) -> Result<(), EmbeddedError> {
    let values = [LANE.into(), owner.into()];
    connection
        .execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, RELEASE, values))
        .await
        .map_err(EmbeddedError::doing("give the lease of the lane back"))?;
    Ok(())
}
