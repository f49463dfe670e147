//! Opening the file.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::{
    pool::{only_sound, open_patiently},
    private::refuse_foreign_links,
};
use crate::error::{Error, Result};

const TABLES: &str = "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table' AND name IN ('queue_message', 'queue_reply')";

/// Which file.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Url(String),
    Path(PathBuf),
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its commits are on the disk when they are done.
    Writing,
    /// Its commits (deletions of what was read) may be forgotten by a power failure.
    Reading,
}

impl Source {
    /// One connection, held for as long as it is wanted; waits that long when another process writes.
    pub(super) async fn open(
        &self,
        purpose: Purpose,
        patience: Duration,
        timeout: Duration,
    ) -> Result<DatabaseConnection> {
        let parsed = self.options()?;
        refuse_foreign_links(parsed.get_filename()).map_err(|error| Error::Connect(Box::new(error)))?;
        if !parsed.get_filename().exists() {
            return Err(Error::NotMigrated);
        }
        let synchronous = match purpose {
            Purpose::Writing => SqliteSynchronous::Full,
            Purpose::Reading => SqliteSynchronous::Normal,
        };
        // Parsed above: the ORM refuses URLs of relative paths with a space.
        let mut options = ConnectOptions::new("sqlite://");
        options
            .max_connections(1)
            .connect_timeout(timeout)
            .sqlx_logging(false)
            .map_sqlx_sqlite_pool_opts(only_sound)
            .map_sqlx_sqlite_opts(move |_| {
                parsed
                    .clone()
                    .disable_statement_logging()
                    .create_if_missing(false)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(synchronous)
                    .busy_timeout(patience)
            });
        let connection = open_patiently(options, timeout)
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
