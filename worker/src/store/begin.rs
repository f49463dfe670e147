//! Beginning a transaction: wholly or not at all.
//!
//! Whoever waits for the database may be called off: a time limit passes, somebody stops waiting, a worker ends. Of a
//! transaction whose beginning was called off the driver does not know that it was begun (sqlx 0.9.0; transact-rs/sqlx #4393,
//! mended by #4394, which is not released). Its connection would go back to the pool with the transaction open, and what
//! the next one there is told to have written by a statement of its own would be a part of it, and gone with it. So a task of
//! its own begins it, which nobody calls off: what is begun and not wanted any more is rolled back like any other
//! transaction. The module goes when the driver does so.

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionOptions, TransactionTrait,
};

/// Begins a transaction. May be called off.
pub(crate) async fn begin(
    connection: &DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        // Its driver looks whether somebody still waits.
        return connection.begin_with_options(options).await;
    }
    let connection = connection.clone();
    let begun = tokio::spawn(async move { connection.begin_with_options(options).await });
    begun
        .await
        .unwrap_or_else(|error| Err(DbErr::Custom(format!("nobody began the transaction: {error}"))))
}
