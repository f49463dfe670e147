//! Helpers for queries: values in the form of each database, sums of more than 64 bits, and
//! snapshots.

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, QueryResult, TransactionOptions, Value,
};

use crate::store::begin;

/// The spending order as an `ORDER BY` over `credits_batch` with the alias `b`.
pub(crate) const FIFO: &str =
    "(b.expires_at IS NULL), b.expires_at, (b.source_type = 'PURCHASE'), b.issued_at, b.id";

/// `at` as a parameter: a timestamp on PostgreSQL, the stored text form on SQLite.
pub(crate) fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    match backend {
        DbBackend::Postgres => at.into(),
        _ => instant_text(at).into(),
    }
}

/// `at` in the text form that SQLite stores, truncated to the microsecond as on PostgreSQL. The
/// order of these texts is the order of time.
pub(crate) fn instant_text(at: DateTime<Utc>) -> String {
    let micros = at
        .with_nanosecond(at.nanosecond() / 1000 * 1000)
        .unwrap_or(at);
    micros.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// The sum of `of` as two columns, its millions and the rest, so that no database needs more than
/// 64 bits for it.
pub(crate) fn sum(of: &'static str, name: &'static str) -> String {
    format!(
        "CAST(coalesce(sum(({of}) / 1000000), 0) AS text) AS {name}_millions, \
         CAST(coalesce(sum(({of}) % 1000000), 0) AS text) AS {name}_rest"
    )
}

/// Reads the two columns that [`sum`] produced under `name`.
pub(crate) fn summed(row: &QueryResult, name: &str) -> Result<i128, DbErr> {
    let part = |part: &str| -> Result<i128, DbErr> {
        let text: String = row.try_get("", &format!("{name}_{part}"))?;
        text.parse()
            .map_err(|_| DbErr::Type(format!("`{text}` is not a whole number")))
    };
    let millions = part("millions")?.checked_mul(1_000_000);
    let sum = millions
        .zip(Some(part("rest")?))
        .and_then(|(one, other)| one.checked_add(other));
    sum.ok_or_else(|| DbErr::Type(format!("the sum of {name} is too large")))
}

/// Settings for statements that read a whole ledger.
///
/// Such a statement takes longer than the time limit of a query. If the table has no statistics
/// yet, the planner expects a handful of rows in a range of users and compares each row with each
/// other. Without materialised rows the planner sees the true cost of that plan and avoids it.
const WITHOUT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL enable_material = off";

/// Begins a read-only transaction in which all statements read one snapshot.
pub(crate) async fn begin_consistent_read(
    db: &DatabaseConnection,
) -> Result<DatabaseTransaction, DbErr> {
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

/// Begins a snapshot without a time limit, for statements that read a large part of the ledger.
pub(crate) async fn snapshot(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let snapshot = begin_consistent_read(db).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        snapshot.execute_unprepared(WITHOUT_TIMEOUT).await?;
    }
    Ok(snapshot)
}
