//! What SQLite and the library leave to whoever opens a file.
//!
//! Opening: while another process makes the file, or turns it into one with a write-ahead log, SQLite says "locked" at
//! once, whatever the busy timeout: one that reads and waits in order to write could wait for one that waits for it.
//!
//! Using: connections that the library and SQLite do not agree about are not used again. When the disk is full, SQLite rolls
//! a transaction back by itself. The library (sqlx 0.9.0) is not told: it believes that the transaction is still open, takes
//! the next one for a part of it, and after one more failure of that kind a "commit" commits nothing, without an error.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{Connection, Sqlite, pool::PoolOptions},
};

/// Between two attempts to open a file that another process is making.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens a file; for as long as another process holds it, again, until this much time has passed.
#[doc(hidden)]
pub async fn open_patiently(
    options: ConnectOptions,
    patience: Duration,
) -> Result<DatabaseConnection, DbErr> {
    let began = Instant::now();
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if is_busy(&error) && began.elapsed() < patience => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
    }
}

/// Another process holds the file (primary result codes BUSY and LOCKED), and did for all of the busy timeout wherever SQLite
/// waits at all.
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
