//! Connections: what every session of the pool is told.

use std::{str::FromStr, sync::Arc, time::Duration};

use producer_sdk::{only_sound, open_patiently};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{error::StoreError, sockets};

/// How the store connects.
#[derive(Clone, Debug)]
pub struct StoreOptions {
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

/// What the sessions of the group commit are told on PostgreSQL. Its statements look up rows by index whatever the
/// statistics of a young table say: a generic plan of nested index scans is right for 1 and for 1,000 rows, and is
/// made once a connection.
const INDEXED: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// How long a session of the group commit may rest in the middle of its transaction. Between two statements of a group lies
/// only deciding, so one that rests for longer belongs to a worker that is suspended, or cut off: the server ends it, for it
/// holds locks that others wait for.
const REST: Duration = Duration::from_secs(10);

/// How a server notices that a worker's machine is gone.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "60000"),
];

/// A connection for the group commit that was used within this time is taken to be alive: asking would be a round trip
/// before every group. Where it is not, the group is tried again.
const UNTESTED: Duration = Duration::from_secs(1);

/// What the sessions for reading are told. A plan that was made while a table was small would be kept until its
/// statistics are gathered anew, which a busy server may be late with; planning costs a fraction of a millisecond.
const FRESH: [(&str, &str); 1] = [("plan_cache_mode", "force_custom_plan")];

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
    connect_and(url, purpose, options, || {}).await
}

/// The same; `and_then` is called for each connection to PostgreSQL that the pool makes, also later.
pub(super) async fn connect_and(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    and_then: impl Fn() + Send + Sync + 'static,
) -> Result<DatabaseConnection, StoreError> {
    let mut connect = ConnectOptions::new(url);
    connect
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .sqlx_logging(false);
    match url.split(':').next().unwrap_or_default() {
        "sqlite" => {
            let busy_timeout = options.busy_timeout;
            connect.map_sqlx_sqlite_pool_opts(only_sound);
            connect.map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(busy_timeout)
            });
            open_patiently(connect, busy_timeout).await
        }
        "postgres" | "postgresql" => {
            let port = postgres(url, purpose, options, &mut connect, and_then)?;
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

fn postgres(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    connect: &mut ConnectOptions,
    and_then: impl Fn() + Send + Sync + 'static,
) -> Result<u16, StoreError> {
    check_parameters(url)?;
    let parsed =
        PgConnectOptions::from_str(url).map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    let port = parsed.get_port();
    let statement_timeout = options.statement_timeout.as_millis().to_string();
    let and_then = Arc::new(and_then);
    if purpose == Purpose::Commit {
        connect.test_before_acquire_if_idle_for(UNTESTED);
        if let Some(committing) = options.committing {
            connect.min_connections(committing).max_connections(committing);
        }
    }
    connect
        .map_sqlx_postgres_opts(move |postgres| {
            let postgres = postgres.application_name("scrip").options([
                ("statement_timeout", statement_timeout.as_str()),
                ("default_transaction_isolation", "read committed"),
                ("TimeZone", "UTC"),
            ]);
            let postgres = postgres.options(KEEPALIVE);
            match purpose {
                Purpose::Commit => {
                    let rest = REST.as_millis().to_string();
                    let rest = [("idle_in_transaction_session_timeout", rest.as_str())];
                    postgres.options(INDEXED).options(rest)
                }
                Purpose::Read => postgres.options(FRESH),
            }
        })
        .map_sqlx_postgres_pool_opts(move |pool| {
            let and_then = and_then.clone();
            pool.after_connect(move |_, _| {
                sockets::set_up_connections_to(port);
                and_then();
                Box::pin(std::future::ready(Ok(())))
            })
        });
    Ok(port)
}

/// The library ignores what it does not know. A misspelt `sslmode` would be a connection that nobody checks.
/// What stands there instead is not repeated: it may be the rest of a password with a `?` in it.
fn check_parameters(url: &str) -> Result<(), StoreError> {
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
