//! Backup of a ledger in an SQLite file, taken while other processes use the file.

use std::path::Path;

use producer_sdk::create_private;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Database, StoreError};

impl Database {
    /// Copies the current state of the ledger into `path`, a new file that only its owner can
    /// read. Fails on PostgreSQL.
    pub async fn back_up(&self, path: &Path) -> Result<(), StoreError> {
        if self.backend() != DbBackend::Sqlite {
            return Err(StoreError::Url(
                "names a server, which `pg_dump` backs up; allowed is a file".to_owned(),
            ));
        }
        let target = path.to_str().ok_or_else(|| {
            StoreError::Url(format!(
                "cannot be backed up to {}: the path is not UTF-8",
                path.display()
            ))
        })?;
        create_private(path).map_err(|source| StoreError::Create {
            path: path.to_owned(),
            source,
        })?;
        let copy =
            Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [target.into()]);
        let copied = self.read_connection().execute_raw(copy).await;
        if copied.is_err() {
            // The file may hold an incomplete copy, which is not a backup.
            let _ = std::fs::remove_file(path);
        }
        copied.map_err(StoreError::database("back up the file"))?;
        Ok(())
    }
}
