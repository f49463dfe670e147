//! Two workarounds for connections to SQLite.
//!
//! **Opening.** While another process creates the file or converts it to a write-ahead log, SQLite
//! reports "locked" at once and ignores the busy timeout. Waiting could be a deadlock, because one
//! process that reads and wants to write could wait for another that does the same. So opening is
//! retried.
//!
//! **Reusing.** When the disk is full, SQLite rolls a transaction back on its own. The library
//! (sqlx 0.9.0) does not notice: it treats the transaction as open and the next one as nested in
//! it. After one more failure of this kind a "commit" commits nothing and returns no error. So a
//! connection whose transaction is still open is not reused.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{Connection, Sqlite, pool::PoolOptions},
};

/// The pause between two attempts to open a file that another process is creating.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens a file. While another process locks it, the attempt is repeated until `timeout` has
/// passed.
#[doc(hidden)]
pub async fn open_with_retry(
    options: ConnectOptions,
    timeout: Duration,
) -> Result<DatabaseConnection, DbErr> {
    let started = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if is_busy(&error) && started.elapsed() < timeout => {
                tokio::time::sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Whether another process locks the file (primary result codes BUSY and LOCKED). If SQLite waits
/// for this lock, the busy timeout has passed.
pub(super) fn is_busy(error: &DbErr) -> bool {
    let (DbErr::Exec(error) | DbErr::Query(error) | DbErr::Conn(error)) = error else {
        return false;
    };
    let RuntimeErr::SqlxError(error) = error else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Closes each connection that is released with an open transaction.
#[doc(hidden)]
pub fn discard_dirty(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // After this a pending rollback is complete.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}
