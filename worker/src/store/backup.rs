//! A copy of the ledger in an SQLite file, made while others use the file.

use std::path::Path;

use producer_sdk::create_private;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, StoreError};

impl Store {
    /// Copies the ledger as it is at this moment into `path`, a new file that only its owner can read. Fails on PostgreSQL.
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
        let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [target.into()]);
        let copied = self.read_connection().execute_raw(copy).await;
        if copied.is_err() {
            // Only the beginning of a copy may be there, which is no backup.
            let _ = std::fs::remove_file(path);
        }
        copied.map_err(StoreError::database("back up the file"))?;
        Ok(())
    }
}
