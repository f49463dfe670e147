//! Connections: to what, how many, and from when on they are replaced.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use producer_sdk::{create_private, only_sound, open_patiently, refuse_foreign_links};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{
        ConnectOptions as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{
    error::StoreError,
    session::{self, Sessions},
    sockets,
};

/// Whose clock says when a transaction is booked (`created_at`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookingClock {
    /// The caller's: the `now` that a group is decided at. What tests with a clock of their own need.
    #[default]
    Caller,
    /// PostgreSQL's own, read by the statement that writes the transactions, so that a statement which arrives late is
    /// booked late: see `read::report::horizon`. On SQLite the caller's, who reads it under the lock of the file.
    Database,
}

/// How the store connects.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Whose clock says when a transaction is booked.
    pub booking_clock: BookingClock,
    /// Connections at most; a lane uses one, queries another.
    pub max_connections: u32,
    /// So many connections for committing are open from the start, on PostgreSQL, and never more; else they are made as
    /// they are needed.
    pub committing: Option<u32>,
    /// A statement that takes longer is given up.
    pub statement_timeout: Duration,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process's write.
    pub busy_timeout: Duration,
}

impl StoreOptions {
    /// As a worker of so many shards needs them: a connection for committing for each lane, and one that is on its way back
    /// into the pool. To make one takes as long as many groups. With more of them each is used less often, and a connection
    /// that was not used for a while is slower.
    #[must_use]
    pub const fn of_worker(self, shards: u32) -> Self {
        // One more lane takes what was published to no shard.
        let needed = shards.saturating_add(2);
        let most = self.max_connections;
        Self {
            committing: Some(if needed < most { needed } else { most }),
            ..self
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            booking_clock: BookingClock::Caller,
            max_connections: 8,
            committing: None,
            statement_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The group commit: every statement looks up rows by index.
    Commit,
    /// Everything else: the planner decides, each time anew.
    Read,
}

/// A connection for the group commit that was used within this time is taken to be alive: asking would be a round trip
/// before every group. Where it is not, the group is tried again.
const UNTESTED: Duration = Duration::from_secs(1);

/// What may stand in the query of a URL of PostgreSQL.
const PARAMETERS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Connects to PostgreSQL (`postgres://`) or SQLite (`sqlite:`); SQLite's file is made if it is missing.
pub async fn connect(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
) -> Result<DatabaseConnection, StoreError> {
    connect_and(url, purpose, options, &Sessions::default(), || {}).await
}

/// The same; `sessions` says which connections to PostgreSQL may still be used, and `and_then` is
/// called for each one that the pool makes, also later.
pub(super) async fn connect_and(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    sessions: &Sessions,
    and_then: impl Fn() + Send + Sync + 'static,
) -> Result<DatabaseConnection, StoreError> {
    let scheme = url.split(':').next().unwrap_or_default();
    // The ORM refuses URLs of relative paths with a space; SQLite's are parsed below.
    let mut connect = ConnectOptions::new(if scheme == "sqlite" { "sqlite://" } else { url });
    connect
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .sqlx_logging(false);
    match scheme {
        "sqlite" => {
            let busy_timeout = options.busy_timeout;
            let parsed = sqlite(url)?;
            make_private(parsed.get_filename(), url)?;
            connect.map_sqlx_sqlite_pool_opts(only_sound);
            connect.map_sqlx_sqlite_opts(move |_| {
                parsed
                    .clone()
                    .disable_statement_logging()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(busy_timeout)
            });
            open_patiently(connect, busy_timeout).await
        }
        "postgres" | "postgresql" => {
            let port = postgres(url, purpose, options, &mut connect, (sessions, and_then))?;
            sockets::while_connecting_to(port, Box::pin(Database::connect(connect))).await
        }
        scheme => {
            return Err(StoreError::Url(format!(
                "has the scheme `{scheme}`; allowed are `postgres` and `sqlite`"
            )));
        }
    }
    .map_err(StoreError::database("connect to the database"))
}

/// Reads the URL of an SQLite file.
pub(super) fn sqlite(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let parsed = SqliteConnectOptions::from_str(url)
        .map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    // SQLite would make a temporary database.
    if parsed.get_filename().as_os_str().is_empty() {
        return Err(StoreError::Url("names no file".to_owned()));
    }
    Ok(parsed)
}

/// Creates the file for this user alone, before SQLite would for everybody, unless the URL opens it for reading only or
/// names none.
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

fn postgres(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    connect: &mut ConnectOptions,
    (sessions, and_then): (&Sessions, impl Fn() + Send + Sync + 'static),
) -> Result<u16, StoreError> {
    check_parameters(url)?;
    let parsed =
        PgConnectOptions::from_str(url).map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    let port = parsed.get_port();
    let and_then = Arc::new(and_then);
    let set_up: Arc<str> = session::set_up_statement(purpose, options).into();
    let (opened, used) = (sessions.clone(), sessions.clone());
    if purpose == Purpose::Commit {
        connect.test_before_acquire_if_idle_for(UNTESTED);
        if let Some(committing) = options.committing {
            connect.min_connections(committing).max_connections(committing);
        }
    }
    connect
        .map_sqlx_postgres_opts(|postgres| {
            // Everything is read in the binary format, and poolers refuse the parameter.
            without_brackets(postgres)
                .application_name("scrip")
                .extra_float_digits(None)
        })
        .map_sqlx_postgres_before_acquire(move |_, connection| {
            Box::pin(std::future::ready(Ok(used.is_current(connection.age))))
        })
        .map_sqlx_postgres_pool_opts(move |pool| {
            let (and_then, set_up, sessions) = (and_then.clone(), set_up.clone(), opened.clone());
            pool.after_connect(move |connection, _| {
                sockets::set_up_connections_to(port);
                and_then();
                let (set_up, sessions) = (set_up.clone(), sessions.clone());
                Box::pin(async move { session::set_up(connection, set_up, &sessions).await })
            })
        });
    Ok(port)
}

/// The library (sqlx 0.9.0) keeps the brackets of an IPv6 address, with which it is a name that does not exist.
fn without_brackets(postgres: PgConnectOptions) -> PgConnectOptions {
    let host = postgres.get_host();
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            let address = address.to_owned();
            postgres.host(&address)
        }
        None => postgres,
    }
}

/// The library ignores what it does not know. A misspelt `sslmode` would be a connection that nobody checks.
/// What stands there instead is not repeated: it may be the rest of a password with a `?` in it.
pub(super) fn check_parameters(url: &str) -> Result<(), StoreError> {
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let Some((_, query)) = query else { return Ok(()) };
    for (parameter, number) in query.split('&').zip(1..) {
        let name = parameter.split('=').next().unwrap_or_default();
        let is_known = PARAMETERS.contains(&name) || name.starts_with("options[") || name.is_empty();
        if !is_known {
            let allowed = PARAMETERS.join(", ");
            return Err(StoreError::Url(format!(
                "has a query whose parameter {number} is unknown; allowed are {allowed}"
            )));
        }
    }
    Ok(())
}
