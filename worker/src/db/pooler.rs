//! Detection of an unsuitable pooler between the worker and PostgreSQL: one that ignores the
//! requested `search_path`, or that shares sessions between connections.
//!
//! A pooler may be configured to ignore the startup parameter `options` (`PgBouncer`'s
//! `ignore_startup_parameters`). If `DATABASE_URL` sets a `search_path`, the worker would then use
//! another ledger than the intended one.
//!
//! A pooler that shares sessions gives the settings and prepared statements of a session to
//! another client in the next transaction, so commits may not be durable. The test uses two
//! connections: each must have a session that the other one does not get.

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, Executor, PgConnection, PgPool, Row, postgres::PgConnectOptions},
};

use super::StoreError;

/// Has no parameters, so it is not prepared and works with every pooler.
const SESSION: &str = "SELECT pg_backend_pid()";
const SEARCH_PATH: &str = "SELECT current_setting('search_path')";

/// Fails unless the `search_path` that the options of the URL request is in force.
pub(super) async fn require_search_path(
    options: &PgConnectOptions,
    read: &DatabaseConnection,
) -> Result<(), StoreError> {
    let Some(asked) = requested_search_path(options) else {
        return Ok(());
    };
    let found = read
        .get_postgres_connection_pool()
        .fetch_one(SEARCH_PATH)
        .await;
    let found: String = found.and_then(|row| row.try_get(0)).map_err(|error| {
        let error = DbErr::Query(RuntimeErr::SqlxError(error.into()));
        StoreError::database("read the search_path")(error)
    })?;
    let plain = |path: &str| path.replace(['"', ' '], "");
    if plain(&asked) == plain(&found) {
        return Ok(());
    }
    Err(StoreError::SearchPath { asked, found })
}

/// The `search_path` of `options[search_path]=…`, or of `options=-c search_path=…`.
fn requested_search_path(options: &PgConnectOptions) -> Option<String> {
    let (_, requested) = options.get_options()?.split_once("-c search_path=")?;
    let mut path = String::new();
    let mut characters = requested.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' => break,
            '\\' => path.extend(characters.next()),
            _ => path.push(character),
        }
    }
    Some(path)
}

/// Fails unless every connection has its own session.
pub(super) async fn require_own_sessions(
    commit: &DatabaseConnection,
    read: &DatabaseConnection,
) -> Result<(), StoreError> {
    let (one, other) = (
        commit.get_postgres_connection_pool(),
        read.get_postgres_connection_pool(),
    );
    let is_own = has_own_session(one, other).await.map_err(|error| {
        let error = DbErr::Query(RuntimeErr::SqlxError(error.into()));
        StoreError::database("check whether connections have their own sessions")(error)
    })?;
    if is_own {
        Ok(())
    } else {
        Err(StoreError::SharedSessions)
    }
}

/// Reads the session of one connection twice, and once more while a transaction of the other
/// connection holds a session.
///
/// A pooler that shares sessions gives a transaction either the session that was used last or the
/// session that was idle longest. In the first case the other connection gets the session of the
/// first one. In the second case the first connection gets another session with each query.
async fn has_own_session(one: &PgPool, other: &PgPool) -> Result<bool, sqlx::Error> {
    let mut one = one.acquire().await?;
    let session = session(&mut one).await?;
    if self::session(&mut one).await? != session {
        return Ok(false);
    }
    let mut transaction = other.begin().await?;
    let others_session = self::session(&mut transaction).await?;
    let is_own = others_session != session && self::session(&mut one).await? == session;
    transaction.rollback().await?;
    Ok(is_own)
}

async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    connection.fetch_one(SESSION).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_path_of_a_url_is_found_in_its_options() {
        for (query, requested) in [
            ("", None),
            ("?application_name=a", None),
            ("?options[search_path]=app", Some("app")),
            (
                "?options[search_path]=app,%20public&options[work_mem]=8MB",
                Some("app, public"),
            ),
            (
                "?options=-c%20work_mem%3D8MB%20-c%20search_path%3Dapp",
                Some("app"),
            ),
        ] {
            let url = format!("postgres://u@h/d{query}");
            let options = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
            let found = requested_search_path(&options);
            assert_eq!(found.as_deref(), requested, "{query}");
        }
    }
}
