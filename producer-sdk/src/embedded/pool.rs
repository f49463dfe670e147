//! Connections that the library and SQLite do not agree about are not used again.
//!
//! When the disk is full, SQLite rolls a transaction back by itself. The library (sqlx 0.9.0) is not told: it believes that
//! the transaction is still open, takes the next one for a part of it, and after one more failure of that kind a "commit"
//! commits nothing, without an error.

use sea_orm::sqlx::{Connection, Sqlite, pool::PoolOptions};

/// Closes each connection that comes back from a transaction which is not over.
#[doc(hidden)]
pub fn only_sound(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // A rollback that was begun is over after this.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}
