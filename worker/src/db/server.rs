//! What tells PostgreSQL servers apart: the cluster and the timeline.
//!
//! A primary and its standbys have one cluster identifier. Each promotion of a standby begins a new
//! timeline with a higher number, so the server with the highest timeline is the current primary.

use sea_orm::sqlx::{self, Row, postgres::PgRow};

/// The columns that [`ServerState::read`] reads. The checkpoint of `pg_control_checkpoint()` may be
/// older than a promotion, so the timeline is that of the current position in the log.
pub(super) const COLUMNS: &str = "\
(SELECT system_identifier FROM pg_catalog.pg_control_system()) AS server_system,
CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE
  ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::bigint
END AS server_timeline,
pg_catalog.pg_is_in_recovery() AS server_standby,
current_setting('transaction_read_only') = 'on' AS server_read_only";

/// The same columns on a server that refuses to tell its identity to this role.
pub(super) const COLUMNS_WITHOUT_IDENTITY: &str = "\
NULL::bigint AS server_system, NULL::bigint AS server_timeline,
pg_catalog.pg_is_in_recovery() AS server_standby,
current_setting('transaction_read_only') = 'on' AS server_read_only";

/// The SQLSTATEs of a server that does not tell its identity: no right to call the functions, no
/// such functions, or not supported.
const UNTOLD: [&str; 3] = ["42501", "42883", "0A000"];

/// The identity of a primary. It changes when another server takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// The identifier of the cluster. A primary and its standbys have the same; a database that
    /// was restored from `pg_dump` on another server has another one.
    pub system: i64,
    /// The number of the timeline. Each promotion of a standby begins a new one.
    pub timeline: u32,
}

/// The state of a server when a connection to it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerState {
    /// `None` on a standby, and if the server does not tell it to this role.
    pub identity: Option<ServerIdentity>,
    /// Whether the server is a standby, which accepts no writes.
    pub standby: bool,
    /// Whether new transactions of this role are read-only.
    pub read_only: bool,
}

impl ServerState {
    /// Reads [`COLUMNS`].
    pub fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let system: Option<i64> = row.try_get("server_system")?;
        let timeline: Option<i64> = row.try_get("server_timeline")?;
        let timeline = timeline.and_then(|timeline| u32::try_from(timeline).ok());
        Ok(Self {
            identity: system
                .zip(timeline)
                .map(|(system, timeline)| ServerIdentity { system, timeline }),
            standby: row.try_get("server_standby")?,
            read_only: row.try_get("server_read_only")?,
        })
    }
}

/// Whether the server refuses to tell its identity to this role.
pub(super) fn is_untold(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    let code = error.and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| UNTOLD.contains(&&*code))
}
