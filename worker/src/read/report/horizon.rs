//! Up to when nothing can be booked any more, whatever hangs: what a report ends at.
//!
//! A transaction that no snapshot shows yet may be under way: it waits for a lock, its commit waits for a disk, its
//! statement waits in a network. On PostgreSQL it is booked by the server's clock, read by the statement that writes it.
//! So one that has not written yet is booked after this moment, and one that has is booked after its transaction began:
//! the oldest of these is the horizon. That needs no assumption about timeouts or other machines' clocks. On SQLite a
//! transaction is booked by a clock that is read under the lock of the file: whoever has that lock knows that nothing is
//! under way.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{
    read::ReadError,
    store::{Store, StoreError},
};

/// Up to when nothing can be booked any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Everything that is booked from now on has this instant or a later one.
    pub at: DateTime<Utc>,
    /// What time it was by the clock that transactions are booked by.
    pub now: DateTime<Utc>,
    /// The oldest transaction that may still book something, if one is under way.
    pub open: Option<OpenTransaction>,
}

/// A transaction that may still book something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// The server's process.
    pub pid: i32,
    /// What its client calls itself.
    pub application: String,
}

/// Why nobody can say up to when nothing can be booked any more.
#[derive(Debug, thiserror::Error)]
pub enum HorizonError {
    /// The database did not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file's lock was not to be had.
    #[error("cannot report while another process writes to the file")]
    Locked(#[source] StoreError),
    /// What is under way on the primary is not known here.
    #[error(
        "cannot report from a standby, which does not know what is under way: let `database.url` name the primary"
    )]
    Standby,
    /// Another role's session has a transaction, and does not show since when.
    #[error(
        "cannot report while process {pid} of another role has a transaction open, because this role may not see since \
         when: grant it `pg_read_all_stats`, or report as the worker's role"
    )]
    Hidden {
        /// The server's process.
        pid: i32,
    },
}

/// Sessions of this database with a transaction, and since when that may have booked something. The clock is that of the
/// beginning of the statement: before any session is looked at. A transaction without an id has written nothing yet, and
/// books nothing before the statement that it is in; between two statements, nothing before the next one.
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

/// Up to when nothing can be booked any more. What is read afterwards, by a snapshot that begins afterwards, has all that
/// was ever booked before.
pub async fn horizon(store: &Store) -> Result<Horizon, HorizonError> {
    if store.backend() == DbBackend::Sqlite {
        let lock = store.begin().await.map_err(HorizonError::Locked)?;
        let now = Utc::now();
        lock.rollback().await.map_err(ReadError::of("horizon"))?;
        return Ok(Horizon {
            at: now,
            now,
            open: None,
        });
    }
    let failed = || ReadError::of("sessions of the database");
    let statement = Statement::from_string(DbBackend::Postgres, SESSIONS);
    let row = store.read_connection().query_one_raw(statement).await;
    let row = row.map_err(failed())?;
    let row = row.ok_or_else(|| failed()(sea_orm::DbErr::RecordNotFound("the clock".to_owned())))?;
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
