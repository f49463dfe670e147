//! An SQLite file is the whole ledger when nothing is left in its write-ahead log.

use std::time::Duration;

use sea_orm::ConnectionTrait;

use super::{Purpose, StoreError, StoreOptions, connect, connect::sqlite};

/// Moves what the write-ahead log of an SQLite file holds into the file, and removes the log unless another process has
/// the file open. Waits at most `patience` for processes that read or write; what they keep in use stays in the log.
pub async fn checkpoint(url: &str, patience: Duration) -> Result<(), StoreError> {
    let mut log = sqlite(url)?.get_filename().as_os_str().to_owned();
    log.push("-wal");
    if !std::path::Path::new(&log).exists() {
        return Ok(());
    }
    let options = StoreOptions {
        max_connections: 1,
        busy_timeout: patience,
        ..StoreOptions::default()
    };
    let file = connect(url, Purpose::Read, &options).await?;
    let moved = file.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
    // The last connection that is closed removes the log.
    let closed = file.close().await;
    let doing = || StoreError::database("move the write-ahead log into the file");
    moved.map_err(doing())?;
    closed.map_err(doing())
}
