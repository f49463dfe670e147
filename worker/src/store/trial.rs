//! Counting how often a message was taken alone: a worker that it kills cannot remember.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use super::{Store, StoreError, bulk};

/// `queue, message, now` → how often in a row. The same text on both databases.
const TAKE_ALONE: &str = "INSERT INTO lane_trial (queue, message, tries, updated_at) VALUES ($1, $2, 1, $3) \
    ON CONFLICT (queue) DO UPDATE SET \
      tries = CASE WHEN lane_trial.message = excluded.message THEN lane_trial.tries + 1 ELSE 1 END, \
      message = excluded.message, updated_at = excluded.updated_at \
    RETURNING tries";

const FORGET: &str = "DELETE FROM lane_trial WHERE queue = $1";

impl Store {
    /// Forgets what was taken alone of `queue`: whoever took it has lived to tell.
    pub async fn forget_alone(&self, queue: &str) -> Result<(), StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), FORGET, [queue.into()]);
        let forgotten = self.commit.execute_raw(statement);
        self.patience
            .wait("forget how often a message was taken", forgotten)
            .await?;
        Ok(())
    }

    /// Notes that `message` of `queue` is taken alone, and tells how often in a row it was.
    pub async fn take_alone(
        &self,
        queue: &str,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<u32, StoreError> {
        let doing = "count how often a message was taken";
        let values = [queue.into(), message.into(), bulk::instant(self.backend(), now)];
        let statement = Statement::from_sql_and_values(self.backend(), TAKE_ALONE, values);
        let row = self
            .patience
            .wait(doing, self.commit.query_one_raw(statement))
            .await?;
        let tries = row
            .map(|row| row.try_get_by_index::<i32>(0))
            .transpose()
            .map_err(StoreError::database(doing))?;
        Ok(tries.and_then(|tries| u32::try_from(tries).ok()).unwrap_or(1))
    }
}
