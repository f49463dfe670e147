//! The time by the database, with which a worker compares its own.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, StoreError};

const SERVER: &str = "SELECT clock_timestamp() AS time";

/// The newest of the last entries: ids are in the order of time, except around a step of the clock.
const FILE: &str = "\
SELECT max(created_at) AS time FROM (SELECT created_at FROM credits_transaction ORDER BY id DESC LIMIT 100)";

impl Store {
    /// Whether the database has a clock of its own: a server has, a file has not.
    pub fn has_clock(&self) -> bool {
        self.backend() != DbBackend::Sqlite
    }

    /// The server's time; of a file the time of the ledger's newest entry, if there is one.
    pub async fn time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let doing = "read the time by the database";
        let question = if self.has_clock() {
            Statement::from_string(self.backend(), SERVER)
        } else {
            Statement::from_string(self.backend(), FILE)
        };
        let row = self
            .patience
            .wait(doing, self.read.query_one_raw(question))
            .await?;
        let time = row.map(|row| row.try_get("", "time")).transpose();
        Ok(time.map_err(StoreError::database(doing))?.flatten())
    }
}
