//! Statements that several modules use, sums of more than 64 bits, and snapshots.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, QueryResult, TransactionOptions,
};

use crate::db::{Sql, begin};

/// The spending order as an `ORDER BY` over `credits_batch` with the alias `b`.
pub(crate) const FIFO: &str =
    "(b.expires_at IS NULL), b.expires_at, (b.source_type = 'PURCHASE'), b.issued_at, b.id";

/// Reads the allocations of transactions in the order in which they were made, which is the
/// spending order. `ids` → allocations.
pub(crate) const ALLOCATIONS: Sql = Sql {
    postgres: include_str!("postgres/allocations.sql"),
    sqlite: include_str!("sqlite/allocations.sql"),
};

/// Reads the subscriptions of users, and those with given ids, each with its history. `users, ids`
/// → one row for each event and grant in the order of arrival, and one row for a subscription
/// without any.
pub(crate) const SUBSCRIPTIONS: Sql = Sql {
    postgres: include_str!("postgres/subscriptions.sql"),
    sqlite: include_str!("sqlite/subscriptions.sql"),
};

/// Reads the open debts of users, and all debts of revocations. `users, ids` → debts. A row may come
/// twice.
pub(crate) const DEBTS: Sql = Sql {
    postgres: include_str!("postgres/debts.sql"),
    sqlite: include_str!("sqlite/debts.sql"),
};

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
