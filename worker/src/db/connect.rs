//! Connection pools: their target, their size, and when a connection is replaced.

use std::{
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::try_join_all;
use producer_sdk::{create_private, discard_dirty, open_with_retry, refuse_foreign_links};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        ConnectOptions as _,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{
    addresses::{Address, Addresses},
    error::StoreError,
    finder,
    guard::ServerGuard,
    options::{Purpose, StoreOptions},
    replaced::Sessions,
    session::SetUp,
    sockets,
};

/// A connection for the group commit that was used within this time is assumed to be alive,
/// because a test would be one more round trip before every group. If it is dead, the group is
/// retried.
const UNTESTED: Duration = Duration::from_secs(1);

/// The servers of a PostgreSQL database, and the one in use.
#[derive(Debug)]
pub(super) struct Servers {
    pub addresses: Addresses,
    pub guard: ServerGuard,
    pub sessions: Sessions,
    /// The server that the pools connect to.
    pub current: Mutex<Address>,
}

impl Servers {
    /// Finds the server to use.
    pub async fn find(url: &str, within: Duration) -> Result<Self, StoreError> {
        let addresses = Addresses::parse(url)?;
        let sessions = Sessions::default();
        let guard = ServerGuard::new(addresses.primary_only, sessions.clone());
        let found = finder::find(&addresses, &guard, None, within).await?;
        Ok(Self {
            addresses,
            guard,
            sessions,
            current: Mutex::new(found.address),
        })
    }

    /// The server that the pools connect to.
    pub fn current(&self) -> Address {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Connects to PostgreSQL (`postgres://`) or SQLite (`sqlite:`). A missing SQLite file is created.
pub async fn connect(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
) -> Result<DatabaseConnection, StoreError> {
    if is_postgres(url)? {
        let servers = Servers::find(url, options.acquire_timeout).await?;
        connect_postgres(&servers, purpose, options, || {}).await
    } else {
        connect_sqlite(url, options).await
    }
}

/// Whether a URL names a PostgreSQL server. Fails unless it names that or an SQLite file.
pub(super) fn is_postgres(url: &str) -> Result<bool, StoreError> {
    match url.split(':').next().unwrap_or_default() {
        "sqlite" => Ok(false),
        "postgres" | "postgresql" => Ok(true),
        scheme => Err(StoreError::Url(format!(
            "has the scheme `{scheme}`; allowed are `postgres` and `sqlite`"
        ))),
    }
}

/// Opens an SQLite file.
pub(super) async fn connect_sqlite(
    url: &str,
    options: &StoreOptions,
) -> Result<DatabaseConnection, StoreError> {
    // The ORM refuses URLs of relative paths with a space, so the URL is parsed here.
    let mut connect = pool("sqlite://", options);
    let busy_timeout = options.busy_timeout;
    let parsed = sqlite(url)?;
    make_private(parsed.get_filename(), url)?;
    connect.map_sqlx_sqlite_pool_opts(discard_dirty);
    connect.map_sqlx_sqlite_opts(move |_| {
        parsed
            .clone()
            .disable_statement_logging()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy_timeout)
    });
    open_with_retry(connect, busy_timeout)
        .await
        .map_err(StoreError::database("connect to the database"))
}

fn pool(url: &str, options: &StoreOptions) -> ConnectOptions {
    let mut connect = ConnectOptions::new(url);
    connect
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .sqlx_logging(false);
    connect
}

/// Parses the URL of an SQLite file.
pub(super) fn sqlite(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let parsed = SqliteConnectOptions::from_str(url)
        .map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    // Without a file name SQLite would create a temporary database.
    if parsed.get_filename().as_os_str().is_empty() {
        return Err(StoreError::Url("names no file".to_owned()));
    }
    Ok(parsed)
}

/// Creates the file so that only this user can access it, before SQLite would create it with
/// access for all users. Does nothing if the URL names no file or opens it read-only.
fn make_private(path: &Path, url: &str) -> Result<(), StoreError> {
    let is_in_memory = path.as_os_str().as_encoded_bytes().starts_with(b"file:");
    if is_in_memory {
        return Ok(());
    }
    refuse_foreign_links(path)?;
    if url.contains("mode=ro") {
        return Ok(());
    }
    create_private(path).map_err(|source| StoreError::Create {
        path: path.to_owned(),
        source,
    })
}

/// Opens a pool of connections to PostgreSQL. `and_then` is called for each connection that the
/// pool opens, also later.
pub(super) async fn connect_postgres(
    servers: &Servers,
    purpose: Purpose,
    options: &StoreOptions,
    and_then: impl Fn() + Send + Sync + 'static,
) -> Result<DatabaseConnection, StoreError> {
    // The ORM parses a URL, and cannot parse one with several hosts.
    let mut connect = pool("postgres://localhost", options);
    let ports: Arc<[u16]> = servers.addresses.ports().into();
    let found = servers.current().options;
    let and_then = Arc::new(and_then);
    let set_up = SetUp::new(purpose, options, &servers.sessions, &servers.guard);
    let used = servers.sessions.clone();
    if purpose == Purpose::Commit {
        connect.test_before_acquire_if_idle_for(UNTESTED);
        if let Some(committing) = options.committing {
            connect.max_connections(committing).idle_timeout(None);
        }
    }
    let opened_ports = ports.clone();
    connect
        .map_sqlx_postgres_opts(move |_| found.clone())
        .map_sqlx_postgres_before_acquire(move |_, connection| {
            Box::pin(std::future::ready(Ok(used.is_current(connection.age))))
        })
        .map_sqlx_postgres_pool_opts(move |pool| {
            let (and_then, set_up) = (and_then.clone(), set_up.clone());
            let ports = opened_ports.clone();
            pool.after_connect(move |connection, _| {
                sockets::set_up_connections_to(&ports);
                and_then();
                let set_up = set_up.clone();
                Box::pin(async move { set_up.run(connection).await })
            })
        });
    let committing = options.committing.filter(|_| purpose == Purpose::Commit);
    let connecting = async {
        let connected = Database::connect(connect).await?;
        open_all(&connected, committing.unwrap_or(1)).await?;
        Ok(connected)
    };
    sockets::while_connecting_to(&ports, Box::pin(connecting))
        .await
        .map_err(StoreError::database("connect to the database"))
}

/// Opens `count` connections of a pool.
///
/// The pool's option `min_connections` would do so, too. But to restore that number after an
/// outage, sqlx pauses for up to a minute between two attempts, and occupies a place in the pool
/// meanwhile. With all places occupied, nothing could be committed after the database is back.
async fn open_all(connected: &DatabaseConnection, count: u32) -> Result<(), DbErr> {
    let pool = connected.get_postgres_connection_pool();
    let opened = try_join_all((0..count).map(|_| pool.acquire())).await;
    opened
        .map(drop)
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}
