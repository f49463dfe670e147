//! Values as each database wants them, sums that need no more than 64 bits, and snapshots.

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    QueryResult, TransactionOptions, Value,
};

use crate::store::begin;

/// The order in which batches are spent, as an `ORDER BY` over `credits_batch` under the name `b`.
pub(crate) const FIFO: &str =
    "(b.expires_at IS NULL), b.expires_at, (b.source_type = 'PURCHASE'), b.issued_at, b.id";

/// `at` as a parameter: a timestamp on PostgreSQL; on SQLite the text that instants are stored as.
pub(crate) fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    match backend {
        DbBackend::Postgres => at.into(),
        _ => instant_text(at).into(),
    }
}

/// `at` in the one form that SQLite stores: text order is time order. Cut to the microsecond, like on PostgreSQL.
pub(crate) fn instant_text(at: DateTime<Utc>) -> String {
    let micros = at.with_nanosecond(at.nanosecond() / 1000 * 1000).unwrap_or(at);
    micros.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// The sum of `of` as two columns: its millions and the rest, so that no database needs more than 64 bits for it.
pub(crate) fn sum(of: &'static str, name: &'static str) -> String {
    format!(
        "CAST(coalesce(sum(({of}) / 1000000), 0) AS text) AS {name}_millions, \
         CAST(coalesce(sum(({of}) % 1000000), 0) AS text) AS {name}_rest"
    )
}

/// What [`sum`] found under that name.
pub(crate) fn summed(row: &QueryResult, name: &str) -> Result<i128, DbErr> {
    let part = |part: &str| -> Result<i128, DbErr> {
        let text: String = row.try_get("", &format!("{name}_{part}"))?;
        text.parse().map_err(|_| DbErr::Type(format!("{text} is no sum")))
    };
    let millions = part("millions")?.checked_mul(1_000_000);
    let sum = millions
        .zip(Some(part("rest")?))
        .and_then(|(one, other)| one.checked_add(other));
    sum.ok_or_else(|| DbErr::Type(format!("the sum of {name} is too large")))
}

/// What reads a whole ledger takes longer than a query may. And where no statistics were gathered yet, the planner takes
/// a range of users for a handful of rows and compares each with each; without materialised rows that looks as costly to
/// it as it is.
const PATIENT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL enable_material = off";

/// Begins a read-only transaction in which all statements see the database at one moment.
pub(crate) async fn begin_consistent_read(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return begin(db, TransactionOptions::default()).await;
    }
    let options = TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    begin(db, options).await
}

/// The same without a time limit, for statements that read a large part of the ledger.
pub(crate) async fn snapshot(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let snapshot = begin_consistent_read(db).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        snapshot.execute_unprepared(PATIENT).await?;
    }
    Ok(snapshot)
}
