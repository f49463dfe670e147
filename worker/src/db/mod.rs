//! The database: connections, transactions, parameters and errors, for PostgreSQL and SQLite.
//!
//! This module knows no table of the ledger. [`crate::store`] commits groups of commands,
//! [`crate::read`] and [`crate::verify`] read, and each other writer has its own module.

mod addresses;
mod attempt;
mod backup;
pub(crate) mod bulk;
mod checkpoint;
mod connect;
mod durability;
mod error;
mod finder;
mod guard;
mod options;
mod pace;
mod plain_text;
mod pooler;
mod primary;
mod reach;
mod replaced;
mod roles;
mod row;
mod server;
mod session;
pub mod sockets;
mod statement;
mod temp_schema;
mod timeout;
mod transaction;

use std::{future::Future, sync::Arc};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions,
};

pub use addresses::addresses;
pub use bulk::sqlite_instant;
pub use checkpoint::checkpoint;
use connect::Servers;
pub use connect::connect;
use durability::Durability;
pub use durability::Risk;
pub use error::StoreError;
pub(crate) use error::{code as code_of, kind as kind_of};
use guard::ServerGuard;
pub use guard::{Refusal, ServerReport};
pub use options::{BookingClock, Purpose, StoreOptions};
pub use plain_text::plain_text_hosts;
pub use reach::reach;
use replaced::Sessions;
pub use roles::{RoleNameError, RoleNames};
pub(crate) use row::get;
pub use server::ServerIdentity;
pub use statement::Sql;
pub use temp_schema::TempSchema;
pub(crate) use timeout::Timeout;
pub(crate) use transaction::begin;

/// The connections to the database of a ledger. Clones share them.
#[derive(Clone, Debug)]
pub struct Database {
    commit: DatabaseConnection,
    read: DatabaseConnection,
    timeout: Timeout,
    sessions: Sessions,
    guard: ServerGuard,
    /// `None` on SQLite.
    servers: Option<Arc<Servers>>,
    durability: Durability,
}

impl Database {
    /// Connects to `postgres://…` or `sqlite:…`. `and_then` is called for each connection for
    /// committing that is opened, also later.
    pub async fn connect(
        url: &str,
        options: &StoreOptions,
        and_then: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        if !connect::is_postgres(url)? {
            let sessions = Sessions::default();
            return Ok(Self {
                commit: connect::connect_sqlite(url, options).await?,
                read: connect::connect_sqlite(url, options).await?,
                timeout: Timeout::none(),
                guard: ServerGuard::new(false, sessions.clone()),
                sessions,
                servers: None,
                durability: Durability::default(),
            });
        }
        let servers = Servers::find(url, options.acquire_timeout).await?;
        let commit =
            connect::connect_postgres(&servers, Purpose::Commit, options, and_then).await?;
        let read = connect::connect_postgres(&servers, Purpose::Read, options, || {}).await?;
        pooler::require_search_path(&servers.current().options, &read).await?;
        pooler::require_own_sessions(&commit, &read).await?;
        Ok(Self {
            commit,
            read,
            timeout: Timeout::new(options, &servers.guard),
            sessions: servers.sessions.clone(),
            guard: servers.guard.clone(),
            servers: Some(Arc::new(servers)),
            durability: Durability::default(),
        })
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), StoreError> {
        let doing = || StoreError::database("close the connections");
        self.commit.close().await.map_err(doing())?;
        self.read.close().await.map_err(doing())
    }

    /// The connections of the group commit.
    pub const fn connection(&self) -> &DatabaseConnection {
        &self.commit
    }

    /// The connections for reading.
    pub const fn read_connection(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The kind of database.
    pub fn backend(&self) -> DbBackend {
        self.commit.get_database_backend()
    }

    /// Whether the database has its own clock: a server has one, a file does not.
    pub fn has_clock(&self) -> bool {
        self.backend() != DbBackend::Sqlite
    }

    /// The maximum wait for a response.
    pub(crate) fn timeout(&self) -> Timeout {
        self.timeout.clone()
    }

    /// Begins a transaction that writes: `BEGIN IMMEDIATE` on SQLite. Cancellation-safe.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begun = begin(&self.commit, options);
        self.timeout.wait("begin a transaction", begun).await
    }

    /// Waits for a single statement that writes. After a read-only error, all open sessions are
    /// replaced.
    pub(crate) async fn write<T>(
        &self,
        doing: &'static str,
        written: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, StoreError> {
        self.reconnect_if_read_only(self.timeout.wait(doing, written).await)
    }

    /// Checks that the database answers and accepts writes.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let sql = match self.backend() {
            DbBackend::Sqlite => "SELECT 0 AS read_only",
            _ => {
                "SELECT CASE WHEN pg_is_in_recovery()
                     OR current_setting('transaction_read_only') = 'on'
                   THEN 1 ELSE 0 END AS read_only"
            }
        };
        let queried = self
            .commit
            .query_one_raw(Statement::from_string(self.backend(), sql));
        let row = self.timeout.wait("probe the database", queried).await?;
        let read_only = row
            .and_then(|row| row.try_get_by::<i32, _>("read_only").ok())
            .unwrap_or(0);
        if read_only == 0 {
            return Ok(());
        }
        self.reconnect_if_read_only(Err(StoreError::ReadOnly))
    }

    /// Fails on PostgreSQL unless the encoding of the database can store every text.
    pub async fn require_utf8(&self) -> Result<(), StoreError> {
        let doing = "read the database's encoding";
        if self.backend() == DbBackend::Sqlite {
            return Ok(());
        }
        let statement =
            Statement::from_string(self.backend(), "SELECT current_setting('server_encoding')");
        let row = self
            .timeout
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let found = row.map_or(Ok("unknown".to_owned()), |row| {
            row.try_get_by_index::<String>(0)
        });
        let found = found.map_err(StoreError::database(doing))?;
        if found == "UTF8" {
            return Ok(());
        }
        Err(StoreError::Encoding { found })
    }

    /// Replaces all open sessions after a read-only error: a session may have become read-only
    /// when it was opened, and a new session may be able to write.
    pub(crate) fn reconnect_if_read_only<T>(
        &self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_read_only) {
            self.sessions.replace();
            self.guard.report_trouble();
        }
        result
    }
}
