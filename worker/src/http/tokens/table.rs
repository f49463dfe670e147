//! The stored tokens: table `http_token`.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Scope, SecretHash, Token, TokenRole, TokenText};
use crate::{
    db::{Database, Sql, StoreError, bulk, get},
    senders::SenderLimits,
};

/// Most tokens that are listed.
const MAX_LISTED: i64 = 10_000;

const CREATE: Sql = Sql {
    postgres: "\
INSERT INTO http_token
  (id, name, role, secret_hash, user_prefixes, services, rate, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, CAST($5 AS json), CAST($6 AS json), $7, $8, $9, $10)",
    sqlite: "\
INSERT INTO http_token
  (id, name, role, secret_hash, user_prefixes, services, rate, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};

const FIND: Sql = Sql {
    postgres: "\
SELECT id, name, role, secret_hash, user_prefixes::text AS user_prefixes,
       services::text AS services, rate, created_by, created_at, expires_at, revoked_at
  FROM http_token WHERE id = $1",
    sqlite: "\
SELECT id, name, role, secret_hash, user_prefixes, services, rate, created_by, created_at,
       expires_at, revoked_at
  FROM http_token WHERE id = $1",
};

const LIST: Sql = Sql {
    postgres: "\
SELECT id, name, role, secret_hash, user_prefixes::text AS user_prefixes,
       services::text AS services, rate, created_by, created_at, expires_at, revoked_at
  FROM http_token ORDER BY created_at DESC, id DESC LIMIT $1",
    sqlite: "\
SELECT id, name, role, secret_hash, user_prefixes, services, rate, created_by, created_at,
       expires_at, revoked_at
  FROM http_token ORDER BY created_at DESC, id DESC LIMIT $1",
};

/// A token that was revoked keeps its first instant.
const REVOKE: &str = "\
UPDATE http_token SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1";

/// A token that is about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken<'a> {
    /// Its text.
    pub text: &'a TokenText,
    /// A name for people, 1 to 200 bytes.
    pub name: &'a str,
    pub role: TokenRole,
    /// The users and services that it may name.
    pub scope: &'a Scope,
    /// Requests per second. `None`: the default of the server.
    pub rate: Option<u32>,
    /// The operator, 1 to 200 bytes.
    pub created_by: &'a str,
    /// The first instant at which it is not valid any more. `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Stores a token: its hash, never its secret.
pub async fn create(
    db: &Database,
    token: &NewToken<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let backend = db.backend();
    let SenderLimits {
        user_prefixes,
        services,
    } = &token.scope.0;
    let values = vec![
        token.text.id.into(),
        token.name.into(),
        token.role.as_str().into(),
        token.text.hash().to_vec().into(),
        list_value(user_prefixes.as_deref()),
        list_value(services.as_deref()),
        token.rate.and_then(|rate| i32::try_from(rate).ok()).into(),
        token.created_by.into(),
        bulk::instant(backend, now),
        optional_instant(backend, token.expires_at),
    ];
    let statement = Statement::from_sql_and_values(backend, CREATE.text(backend), values);
    let stored = db.connection().execute_raw(statement);
    db.write("store the token", stored).await.map(drop)
}

/// Reads a token over the connections for reading. `None` if there is no token with this id.
pub async fn find(db: &Database, id: Uuid) -> Result<Option<Token>, StoreError> {
    let backend = db.backend();
    let statement = Statement::from_sql_and_values(backend, FIND.text(backend), [id.into()]);
    let row = db
        .timeout()
        .wait(
            "read a token",
            db.read_connection().query_one_raw(statement),
        )
        .await?;
    row.as_ref().map(token).transpose()
}

/// Reads all tokens, the newest first.
pub async fn list(db: &Database) -> Result<Vec<Token>, StoreError> {
    let backend = db.backend();
    let values = [MAX_LISTED.into()];
    let statement = Statement::from_sql_and_values(backend, LIST.text(backend), values);
    let rows = db
        .timeout()
        .wait(
            "list the tokens",
            db.read_connection().query_all_raw(statement),
        )
        .await?;
    rows.iter().map(token).collect()
}

/// Revokes a token. Returns whether there is one with this id.
pub async fn revoke(db: &Database, id: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let backend = db.backend();
    let values = [id.into(), bulk::instant(backend, now)];
    let statement = Statement::from_sql_and_values(backend, REVOKE, values);
    let revoked = db.connection().execute_raw(statement);
    let revoked = db.write("revoke the token", revoked).await?;
    Ok(revoked.rows_affected() == 1)
}

/// A list as JSON; NULL if there is none.
fn list_value(list: Option<&[String]>) -> Value {
    list.map(|list| Json::from(list).to_string()).into()
}

fn optional_instant(backend: DbBackend, at: Option<DateTime<Utc>>) -> Value {
    match at {
        Some(at) => bulk::instant(backend, at),
        None if backend == DbBackend::Sqlite => None::<String>.into(),
        None => None::<DateTime<Utc>>.into(),
    }
}

fn token(row: &QueryResult) -> Result<Token, StoreError> {
    let id: Uuid = get(row, "id")?;
    let unusable = |column: &str| ledger::Inconsistency {
        table: "http_token",
        id: id.to_string(),
        message: format!("{column} cannot be read"),
    };
    let list = |column: &str| -> Result<Option<Vec<String>>, StoreError> {
        let text: Option<String> = get(row, column)?;
        let list = text.map(|text| serde_json::from_str(&text)).transpose();
        Ok(list.map_err(|_| unusable(column))?)
    };
    let role: String = get(row, "role")?;
    let secret_hash: Vec<u8> = get(row, "secret_hash")?;
    let rate: Option<i32> = get(row, "rate")?;
    Ok(Token {
        id,
        name: get(row, "name")?,
        role: role.parse().map_err(|_| unusable("role"))?,
        scope: Scope(SenderLimits {
            user_prefixes: list("user_prefixes")?,
            services: list("services")?,
        }),
        rate: rate.and_then(|rate| u32::try_from(rate).ok()),
        created_by: get(row, "created_by")?,
        created_at: get(row, "created_at")?,
        expires_at: get(row, "expires_at")?,
        revoked_at: get(row, "revoked_at")?,
        secret_hash: SecretHash::from_row(&secret_hash).ok_or_else(|| unusable("secret_hash"))?,
    })
}
