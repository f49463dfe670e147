//! Checkpoint of an SQLite file: after it, the file alone is the whole ledger, because nothing is
//! left in its write-ahead log.

use std::time::Duration;

use sea_orm::ConnectionTrait;

use super::{Purpose, StoreError, StoreOptions, connect, connect::sqlite};

/// Moves the write-ahead log of an SQLite file into the file. Removes the log unless another
/// process has the file open.
///
/// Waits at most `timeout` for processes that read or write. Pages that they still use stay in the
/// log.
pub async fn checkpoint(url: &str, timeout: Duration) -> Result<(), StoreError> {
    let mut log = sqlite(url)?.get_filename().as_os_str().to_owned();
    log.push("-wal");
    if !std::path::Path::new(&log).exists() {
        return Ok(());
    }
    let options = StoreOptions {
        max_connections: 1,
        busy_timeout: timeout,
        ..StoreOptions::default()
    };
    let file = connect(url, Purpose::Read, &options).await?;
    let moved = file
        .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
        .await;
    // SQLite removes the log when its last connection closes.
    let closed = file.close().await;
    let doing = || StoreError::database("move the write-ahead log into the file");
    moved.map_err(doing())?;
    closed.map_err(doing())
}
