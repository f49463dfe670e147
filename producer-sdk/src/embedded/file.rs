//! Opens the file.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::{
    pool::{discard_dirty, open_with_retry},
    private::refuse_foreign_links,
};
use crate::error::{Error, Result};

const TABLES: &str = "SELECT count(*) AS tables FROM sqlite_master \
    WHERE type = 'table' AND name IN ('queue_message', 'queue_reply')";

/// The location of the file.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url(String),
    Path(PathBuf),
}

/// The purpose of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Commits are synced to disk before they return.
    Writing,
    /// Commits only delete replies that were read. A power failure may undo them.
    Reading,
}

impl Source {
    /// Opens one connection. `busy_timeout` is the time to wait while another process writes, and
    /// `timeout` the time to wait for the file to open.
    pub(super) async fn open(
        &self,
        purpose: Purpose,
        busy_timeout: Duration,
        timeout: Duration,
    ) -> Result<DatabaseConnection> {
        let parsed = self.options()?;
        refuse_foreign_links(parsed.get_filename())
            .map_err(|error| Error::Connect(Box::new(error)))?;
        if !parsed.get_filename().exists() {
            return Err(Error::NotMigrated);
        }
        let synchronous = match purpose {
            Purpose::Writing => SqliteSynchronous::Full,
            Purpose::Reading => SqliteSynchronous::Normal,
        };
        // The options were parsed above, because the ORM refuses URLs of relative paths with a
        // space.
        let mut options = ConnectOptions::new("sqlite://");
        options
            .max_connections(1)
            .connect_timeout(timeout)
            .sqlx_logging(false)
            .map_sqlx_sqlite_pool_opts(discard_dirty)
            .map_sqlx_sqlite_opts(move |_| {
                parsed
                    .clone()
                    .disable_statement_logging()
                    .create_if_missing(false)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .busy_timeout(busy_timeout)
            });
        let connection = open_with_retry(options, timeout)
            .await
            .map_err(|error| Error::Connect(Box::new(error)))?;
        let tables = connection
            .query_one_raw(Statement::from_string(DbBackend::Sqlite, TABLES))
            .await;
        match tables.and_then(|row| row.map_or(Ok(0_i64), |row| row.try_get("", "tables"))) {
            Ok(2) => Ok(connection),
            Ok(_) => Err(Error::NotMigrated),
            Err(error) => Err(Error::Connect(Box::new(error))),
        }
    }

    fn options(&self) -> Result<SqliteConnectOptions> {
        match self {
            Self::Path(path) => Ok(SqliteConnectOptions::new().filename(path)),
            Self::Url(url) => url
                .parse()
                .map_err(|error: sea_orm::sqlx::Error| Error::Url(error.to_string())),
        }
    }
}
