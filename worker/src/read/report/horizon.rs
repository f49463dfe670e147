//! The horizon: the instant before which nothing can be booked any more. A report ends at it.
//!
//! A transaction that no snapshot shows yet may be in progress: it waits for a lock, its commit
//! waits for a disk, or its statement is delayed in the network. On PostgreSQL the statement that
//! writes a transaction reads the server's clock for the booking time. So a transaction that has
//! not written yet is booked after now, and a transaction that has written is booked after its
//! begin. The oldest of these begins is the horizon. This needs no assumption about timeouts or the
//! clocks of other machines.
//!
//! On SQLite the booking clock is read under the lock of the file. While the report holds that
//! lock, no transaction is in progress.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{
    db::{Database, StoreError},
    read::ReadError,
};

/// The instant before which nothing can be booked any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Every later booking has this instant or a later one.
    pub at: DateTime<Utc>,
    /// The current time of the booking clock.
    pub now: DateTime<Utc>,
    /// The oldest open transaction that may still book something.
    pub open: Option<OpenTransaction>,
}

/// A transaction that may still book something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Process id of the session on the server.
    pub pid: i32,
    /// `application_name` of the client.
    pub application: String,
}

/// Why the horizon cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum HorizonError {
    /// Reading from the database failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lock of the file could not be acquired.
    #[error("cannot report while another process writes to the file")]
    Locked(#[source] StoreError),
    /// A standby does not know the open transactions of the primary.
    #[error(
        "cannot report from a standby, which does not know the open transactions of the primary: \
         set `database.url` to the primary"
    )]
    Standby,
    /// Another role's session has an open transaction, and this role may not see when it began.
    #[error(
        "cannot report while process {pid} of another role has an open transaction, because this \
         role may not see when it began: grant it `pg_read_all_stats`, or report as the worker's \
         role"
    )]
    Hidden {
        /// Process id of the session on the server.
        pid: i32,
    },
}

/// Reads the sessions of this database with an open transaction, and the earliest instant at which
/// each may have booked something.
///
/// The clock is read at the begin of the statement, before it reads any session. A transaction
/// without an id has written nothing yet, and books nothing before its current statement, or,
/// between two statements, before the next one.
const SESSIONS: &str = "\
SELECT statement_timestamp() AS now, pg_is_in_recovery() AS is_standby, s.pid, s.application, s.since, s.is_hidden
  FROM (SELECT 1) one
  LEFT JOIN (
    SELECT a.pid, coalesce(a.application_name, '') AS application,
           CASE WHEN a.backend_xid IS NOT NULL THEN a.xact_start
                WHEN a.state LIKE 'idle in transaction%' THEN NULL
                WHEN a.xact_start IS NOT NULL THEN a.query_start END AS since,
           a.state IS NULL OR a.state = 'disabled' AS is_hidden
      FROM pg_stat_activity a
     WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL) s
    ON s.since IS NOT NULL
    OR (s.is_hidden AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = s.pid AND l.locktype = 'virtualxid' AND l.granted))
 ORDER BY s.is_hidden DESC NULLS LAST, s.since LIMIT 1";

/// Determines the horizon. A snapshot that begins afterwards contains every transaction that is
/// booked before the horizon.
pub async fn horizon(db: &Database) -> Result<Horizon, HorizonError> {
    if db.backend() == DbBackend::Sqlite {
        let lock = db.begin().await.map_err(HorizonError::Locked)?;
        let now = Utc::now();
        lock.rollback()
            .await
            .map_err(ReadError::reading("horizon"))?;
        return Ok(Horizon {
            at: now,
            now,
            open: None,
        });
    }
    let failed = || ReadError::reading("sessions of the database");
    let statement = Statement::from_string(DbBackend::Postgres, SESSIONS);
    let row = db.read_connection().query_one_raw(statement).await;
    let row = row.map_err(failed())?;
    let row =
        row.ok_or_else(|| failed()(sea_orm::DbErr::RecordNotFound("the clock".to_owned())))?;
    let get = |column| {
        row.try_get_by::<Option<DateTime<Utc>>, _>(column)
            .map_err(failed())
    };
    if row.try_get_by("is_standby").map_err(failed())? {
        return Err(HorizonError::Standby);
    }
    let now = get("now")?.unwrap_or_default();
    let Some(pid) = row.try_get_by::<Option<i32>, _>("pid").map_err(failed())? else {
        return Ok(Horizon {
            at: now,
            now,
            open: None,
        });
    };
    let Some(since) = get("since")? else {
        return Err(HorizonError::Hidden { pid });
    };
    let application = row.try_get_by("application").map_err(failed())?;
    Ok(Horizon {
        at: since.min(now),
        now,
        open: (since < now).then_some(OpenTransaction { pid, application }),
    })
}
