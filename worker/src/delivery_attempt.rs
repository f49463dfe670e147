//! The crash counter: how many times in a row a lane attempted a message on its own.
//!
//! The count is in the database, because a worker that the message crashes loses its memory.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::db::{Database, StoreError, bulk};

/// `queue, message, now` → attempts in a row. The same text on both databases.
const RECORD_ATTEMPT: &str = "\
    INSERT INTO delivery_attempt (queue, message, tries, updated_at) VALUES ($1, $2, 1, $3) \
    ON CONFLICT (queue) DO UPDATE SET \
      tries = CASE WHEN delivery_attempt.message = excluded.message \
        THEN delivery_attempt.tries + 1 ELSE 1 END, \
      message = excluded.message, updated_at = excluded.updated_at \
    RETURNING tries";

const CLEAR_ATTEMPTS: &str = "DELETE FROM delivery_attempt WHERE queue = $1";

impl Database {
    /// Clears the count of `queue`, after a worker has survived an attempt.
    pub async fn clear_attempts(&self, queue: &str) -> Result<(), StoreError> {
        let statement =
            Statement::from_sql_and_values(self.backend(), CLEAR_ATTEMPTS, [queue.into()]);
        let cleared = self.connection().execute_raw(statement);
        self.timeout()
            .wait("clear the delivery attempts of a queue", cleared)
            .await?;
        Ok(())
    }

    /// Records an attempt of `message` of `queue` on its own. Returns the number of attempts in a
    /// row, this one included.
    pub async fn record_attempt(
        &self,
        queue: &str,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<u32, StoreError> {
        let doing = "record a delivery attempt of a message";
        let values = [
            queue.into(),
            message.into(),
            bulk::instant(self.backend(), now),
        ];
        let statement = Statement::from_sql_and_values(self.backend(), RECORD_ATTEMPT, values);
        let row = self
            .timeout()
            .wait(doing, self.connection().query_one_raw(statement))
            .await?;
        let tries = row
            .map(|row| row.try_get_by_index::<i32>(0))
            .transpose()
            .map_err(StoreError::database(doing))?;
        Ok(tries
            .and_then(|tries| u32::try_from(tries).ok())
            .unwrap_or(1))
    }
}
