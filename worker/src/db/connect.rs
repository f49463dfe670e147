//! Connection pools: their target, their size, and when a connection is replaced.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use producer_sdk::{create_private, discard_dirty, open_with_retry, refuse_foreign_links};
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
    options::{Purpose, StoreOptions},
    session::{self, Sessions},
    sockets,
};

/// A connection for the group commit that was used within this time is assumed to be alive,
/// because a test would be one more round trip before every group. If it is dead, the group is
/// retried.
const UNTESTED: Duration = Duration::from_secs(1);

/// Parameters that the query of a PostgreSQL URL may contain.
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

/// Connects to PostgreSQL (`postgres://`) or SQLite (`sqlite:`). A missing SQLite file is created.
pub async fn connect(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
) -> Result<DatabaseConnection, StoreError> {
    connect_and(url, purpose, options, &Sessions::default(), || {}).await
}

/// Connects like [`connect`]. `sessions` decides which connections to PostgreSQL may still be used.
/// `and_then` is called for each connection that the pool opens, also later.
pub(super) async fn connect_and(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    sessions: &Sessions,
    and_then: impl Fn() + Send + Sync + 'static,
) -> Result<DatabaseConnection, StoreError> {
    let scheme = url.split(':').next().unwrap_or_default();
    // The ORM refuses URLs of relative paths with a space, so SQLite URLs are parsed below.
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
            open_with_retry(connect, busy_timeout).await
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

fn postgres(
    url: &str,
    purpose: Purpose,
    options: &StoreOptions,
    connect: &mut ConnectOptions,
    (sessions, and_then): (&Sessions, impl Fn() + Send + Sync + 'static),
) -> Result<u16, StoreError> {
    check_parameters(url)?;
    let parsed = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Url(format!("is not valid: {error}")))?;
    let port = parsed.get_port();
    let and_then = Arc::new(and_then);
    let set_up: Arc<str> = session::set_up_statement(purpose, options).into();
    let (opened, used) = (sessions.clone(), sessions.clone());
    if purpose == Purpose::Commit {
        connect.test_before_acquire_if_idle_for(UNTESTED);
        if let Some(committing) = options.committing {
            connect
                .min_connections(committing)
                .max_connections(committing);
        }
    }
    connect
        .map_sqlx_postgres_opts(|postgres| {
            // All values are read in the binary format, which needs no `extra_float_digits`, and
            // poolers refuse that parameter.
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

/// Removes the brackets of an IPv6 address. The library (sqlx 0.9.0) keeps them, and the address
/// with brackets is a host name that does not exist.
pub(super) fn without_brackets(postgres: PgConnectOptions) -> PgConnectOptions {
    let host = postgres.get_host();
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => {
            let address = address.to_owned();
            postgres.host(&address)
        }
        None => postgres,
    }
}

/// Fails if the query of a PostgreSQL URL has an unknown parameter.
///
/// The library ignores unknown parameters, so a misspelt `sslmode` would give an unverified
/// connection. The error does not repeat the parameter: it may be the rest of a password that
/// contains a `?`.
pub(super) fn check_parameters(url: &str) -> Result<(), StoreError> {
    let query = url.split('#').next().and_then(|url| url.split_once('?'));
    let Some((_, query)) = query else {
        return Ok(());
    };
    for (parameter, number) in query.split('&').zip(1..) {
        let name = parameter.split('=').next().unwrap_or_default();
        let is_known =
            PARAMETERS.contains(&name) || name.starts_with("options[") || name.is_empty();
        if !is_known {
            let allowed = PARAMETERS.join(", ");
            return Err(StoreError::Url(format!(
                "has a query whose parameter {number} is unknown; allowed are {allowed}"
            )));
        }
    }
    Ok(())
}
