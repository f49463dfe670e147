//! Cancellation-safe begin of a transaction: it takes effect completely or not at all.
//!
//! A future that waits for the database may be cancelled: a time limit passes, the caller is
//! dropped, or the worker stops. If the begin of a transaction is cancelled, the driver does not
//! know that the transaction is open (sqlx 0.9.0; transact-rs/sqlx #4393, fixed by #4394, which is
//! not released). The connection would return to the pool with the transaction open. A later user
//! of the connection would get a success for a single statement, but the statement would be a part
//! of that transaction and be lost with it.
//!
//! So a separate task begins the transaction, and nothing cancels that task. A transaction that is
//! no longer needed is rolled back like any other. This module can be removed when the driver does
//! the same.

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionOptions, TransactionTrait,
};

/// Begins a transaction. Cancellation-safe.
pub(crate) async fn begin(
    connection: &DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        // The SQLite driver checks whether the caller still waits.
        return connection.begin_with_options(options).await;
    }
    let connection = connection.clone();
    let begun = tokio::spawn(async move { connection.begin_with_options(options).await });
    begun.await.unwrap_or_else(|error| {
        Err(DbErr::Custom(format!(
            "the task that begins the transaction failed: {error}"
        )))
    })
}
