//! Translates one SQL text into the statements of one database.
//!
//! The files in `sql/` are written for both databases. Where these differ, a file contains a token
//! in braces: a column as `{kind name}`, or the options of a table as `{hot}` (rows that are
//! updated often), `{plain}` or `{keyed}` (rows without a row id besides the primary key).
//!
//! | token | PostgreSQL | SQLite |
//! |---|---|---|
//! | `{uuid c}` | `uuid` | `BLOB` of 16 bytes |
//! | `{bytes c}` | `bytea` | `BLOB` |
//! | `{instant c}` | `timestamptz` | `TEXT` like `2026-01-31T09:30:00.000000+00:00` |
//! | `{json c}` | `json` | `TEXT` that is JSON |
//! | `{key c}` | `text COLLATE "C"` | `TEXT` (SQLite compares bytewise) |
//! | `{text c}` | `text` | `TEXT` |
//! | `{bigint c}`, `{int c}` | `bigint`, `integer` | `INTEGER` |
//! | `{hot}`, `{plain}` | `WITH (fillfactor = 70)`, nothing | `STRICT` |
//! | `{keyed}` | nothing | `STRICT, WITHOUT ROWID` |
//!
//! The format of instants on SQLite is fixed, so the order of the texts is the order of time.
//!
//! From the first release on, applied migrations never change, so the meaning of a token never changes
//! either.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Runs every statement of `text`, in order.
pub(crate) async fn execute(manager: &SchemaManager<'_>, text: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in statements(text, manager.get_database_backend())? {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Drops `tables`, in order.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for table in tables {
        connection
            .execute_unprepared(&format!("DROP TABLE IF EXISTS {table}"))
            .await?;
    }
    Ok(())
}

/// The statements of `text` in the dialect of `backend`, without comments.
fn statements(text: &str, backend: DbBackend) -> Result<Vec<String>, DbErr> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    let text = lines.join("\n");
    let table = text
        .split_once("CREATE TABLE ")
        .or_else(|| text.split_once("ALTER TABLE "))
        .and_then(|(_, rest)| rest.split_whitespace().next());
    let expanded = expand(&text, table.unwrap_or_default(), backend)?;
    Ok(expanded
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(Into::into)
        .collect())
}

/// `text` with every token replaced.
fn expand(text: &str, table: &str, backend: DbBackend) -> Result<String, DbErr> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (token, after) = after
            .split_once('}')
            .ok_or_else(|| DbErr::Migration("unclosed token".into()))?;
        out.push_str(before);
        out.push_str(&replacement(token, table, backend)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn replacement(token: &str, table: &str, backend: DbBackend) -> Result<String, DbErr> {
    let (kind, column) = token.split_once(' ').unwrap_or((token, ""));
    let (postgres, sqlite, check) = match kind {
        "uuid" => (
            "uuid",
            "BLOB",
            format!("is_a_uuid CHECK (length({column}) = 16)"),
        ),
        "bytes" => ("bytea", "BLOB", String::new()),
        "instant" => (
            "timestamptz",
            "TEXT",
            format!("is_an_instant CHECK ({column} GLOB '????-??-??T??:??:??.??????+00:00')"),
        ),
        "json" => (
            "json",
            "TEXT",
            format!("is_json CHECK (json_valid({column}))"),
        ),
        "key" => ("text COLLATE \"C\"", "TEXT", String::new()),
        "text" => ("text", "TEXT", String::new()),
        "bigint" => ("bigint", "INTEGER", String::new()),
        "int" => ("integer", "INTEGER", String::new()),
        "hot" => ("WITH (fillfactor = 70)", "STRICT", String::new()),
        "plain" => ("", "STRICT", String::new()),
        "keyed" => ("", "STRICT, WITHOUT ROWID", String::new()),
        _ => return Err(DbErr::Migration(format!("unknown token {{{token}}}"))),
    };
    Ok(match backend {
        DbBackend::Postgres => format!("{column} {postgres}"),
        DbBackend::Sqlite if check.is_empty() => format!("{column} {sqlite}"),
        DbBackend::Sqlite => format!("{column} {sqlite} CONSTRAINT {table}_{column}_{check}"),
        other => {
            return Err(DbErr::BackendNotSupported {
                db: other.as_str(),
                ctx: "migration",
            });
        }
    })
}
