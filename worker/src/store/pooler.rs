//! A pooler between the worker and PostgreSQL that ignores what it is asked for, or gives each
//! transaction another session.
//!
//! A pooler may be told to ignore the startup parameter `options` (`PgBouncer`'s
//! `ignore_startup_parameters`). With a `search_path` in `DATABASE_URL` the ledger would then be
//! another one than was meant.
//!
//! Behind one that shares sessions the settings of a session and its prepared statements are
//! another client's in the next transaction, so what is committed may not be durable. Two
//! connections find out: each has to have a session that the other does not get.

use std::str::FromStr;

use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{self, Executor, PgConnection, PgPool, Row, postgres::PgConnectOptions},
};

use super::StoreError;

/// Without parameters: it is not prepared, and so answered whatever the pooler does.
const SESSION: &str = "SELECT pg_backend_pid()";
const SEARCH_PATH: &str = "SELECT current_setting('search_path')";

/// Fails unless the `search_path` that the URL asks for is in force.
pub(super) async fn require_search_path(url: &str, read: &DatabaseConnection) -> Result<(), StoreError> {
    let Some(asked) = asked_search_path(url) else {
        return Ok(());
    };
    let found = read.get_postgres_connection_pool().fetch_one(SEARCH_PATH).await;
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
fn asked_search_path(url: &str) -> Option<String> {
    let options = PgConnectOptions::from_str(url).ok()?;
    let (_, asked) = options.get_options()?.split_once("-c search_path=")?;
    let mut path = String::new();
    let mut characters = asked.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' => break,
            '\\' => path.extend(characters.next()),
            _ => path.push(character),
        }
    }
    Some(path)
}

/// Fails unless every connection has a session of its own.
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
        StoreError::database("find out whether connections have sessions of their own")(error)
    })?;
    if is_own {
        Ok(())
    } else {
        Err(StoreError::SharedSessions)
    }
}

/// Asks twice on one connection for its session, and once more while a transaction of the other
/// holds another one. A pooler gives a transaction the session that was used last, so the other
/// gets the first one's, or the one that has waited longest, so the first one gets a new one with
/// every request.
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
    fn the_search_path_that_a_url_asks_for_is_found() {
        for (query, asked) in [
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
            let found = asked_search_path(&format!("postgres://u@h/d{query}"));
            assert_eq!(found.as_deref(), asked, "{query}");
        }
    }
}
