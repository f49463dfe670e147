//! The time of the database, with which a worker compares its own clock.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, StoreError};

const SERVER: &str = "SELECT clock_timestamp() AS time";

/// The newest booking time of the last 100 transactions. Ids are in the order of time, except
/// around a step of the clock.
const FILE: &str = "\
SELECT max(created_at) AS time FROM (SELECT created_at FROM credits_transaction ORDER BY id DESC LIMIT 100)";

impl Store {
    /// Whether the database has its own clock: a server has one, a file does not.
    pub fn has_clock(&self) -> bool {
        self.backend() != DbBackend::Sqlite
    }

    /// The time of the server. For a file, the booking time of its newest transaction, or `None` if
    /// it has none.
    pub async fn time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let doing = "read the database's time";
        let statement = if self.has_clock() {
            Statement::from_string(self.backend(), SERVER)
        } else {
            Statement::from_string(self.backend(), FILE)
        };
        let row = self
            .timeout
            .wait(doing, self.read.query_one_raw(statement))
            .await?;
        let time = row.map(|row| row.try_get("", "time")).transpose();
        Ok(time.map_err(StoreError::database(doing))?.flatten())
    }
}
