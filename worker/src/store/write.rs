//! Writes the changes of a group of commands: by one statement for everything, or by one statement
//! for each kind of row.

use chrono::{DateTime, Utc};
use ledger::Changes;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use super::{
    bulk::{self, Column},
    error::StoreError,
    from_row::get,
    options::BookingClock,
    rows,
    single_consume::SingleConsume,
    sql::{self, Sql},
    timeout::Timeout,
};

/// Writes the changes of one group.
pub struct Writer<'a, C> {
    pub connection: &'a C,
    pub(super) timeout: Timeout,
    pub booking_clock: BookingClock,
    pub now: DateTime<Utc>,
}

impl<C: ConnectionTrait> Writer<'_, C> {
    /// Writes all changes of locked wallets.
    ///
    /// Transactions are inserted in the order of their references, so that two groups that share
    /// references wait for each other instead of a deadlock.
    pub async fn write(&self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let at = self.post(rows::transactions(&changes.postings)).await?;
        let rows = rows::new_batches(&changes.new_batches);
        self.put("insert batches", &sql::INSERT_BATCHES, rows, at)
            .await?;
        let rows = rows::allocations(&changes.postings);
        self.put("insert allocations", &sql::INSERT_ALLOCATIONS, rows, at)
            .await?;
        let rows = rows::changed_batches(&changes.changed_batches);
        self.put("update batches", &sql::UPDATE_BATCHES, rows, at)
            .await?;
        let rows = rows::changed_wallets_and_dues(&changes.changed_wallets);
        self.put("update wallets", &sql::UPDATE_WALLETS, rows, at)
            .await?;
        let rows = rows::subscriptions(&changes.subscriptions);
        self.put("write subscriptions", &sql::WRITE_SUBSCRIPTIONS, rows, at)
            .await?;
        if !changes.unopened.is_empty() {
            let rows = bulk::rows(
                self.connection.get_database_backend(),
                vec![Column::Id(changes.unopened.clone())],
            );
            self.execute("drop unopened wallets", &sql::DROP_UNOPENED, rows)
                .await?;
        }
        Ok(())
    }

    /// Writes all changes of wallets that were read without a lock, by one PostgreSQL statement. It
    /// writes nothing unless every wallet still has the version that was read.
    ///
    /// Wallets are written first, as on the pessimistic path, so that writers on both paths wait
    /// for each other instead of a deadlock.
    pub async fn write_unless_stale(&self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let backend = self.connection.get_database_backend();
        let (sql, values) = match SingleConsume::from_changes(changes) {
            Some(single_consume) => (
                sql::WRITE_SINGLE_CONSUME,
                single_consume.values(self.booked()),
            ),
            None => (sql::WRITE_GROUP, self.group(changes)),
        };
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let written = self.connection.execute_raw(statement);
        self.timeout.wait("write a group", written).await?;
        Ok(())
    }

    /// The parameters of [`sql::WRITE_GROUP`].
    fn group(&self, changes: &Changes<'_>) -> Vec<Value> {
        let mut columns = rows::changed_wallets(&changes.changed_wallets);
        columns.extend(rows::held_wallets(changes));
        columns.extend(rows::transactions(&changes.postings));
        columns.extend(rows::new_batches(&changes.new_batches));
        columns.extend(rows::allocations(&changes.postings));
        columns.extend(rows::changed_batches(&changes.changed_batches));
        let backend = self.connection.get_database_backend();
        let mut values = bulk::rows(backend, columns);
        values.push(self.booked());
        values
    }

    /// The booking time of the group as a parameter: null selects the clock of the database.
    fn booked(&self) -> Value {
        match self.booking_clock {
            BookingClock::Caller => bulk::instant(self.connection.get_database_backend(), self.now),
            BookingClock::Database => None::<DateTime<Utc>>.into(),
        }
    }

    /// Inserts transactions. Returns their booking time, which all rows of the group get.
    async fn post(&self, rows: Vec<Column>) -> Result<DateTime<Utc>, StoreError> {
        const DOING: &str = "insert transactions";
        let expected = rows.first().map_or(0, Column::len) as u64;
        let backend = self.connection.get_database_backend();
        if backend == DbBackend::Sqlite || expected == 0 {
            self.put(DOING, &sql::INSERT_TRANSACTIONS, rows, self.now)
                .await?;
            return Ok(self.now);
        }
        let mut values = bulk::rows(backend, rows);
        values.push(self.booked());
        let text = sql::INSERT_TRANSACTIONS.text(backend);
        let statement = Statement::from_sql_and_values(backend, text, values);
        let row = self
            .timeout
            .wait(DOING, self.connection.query_one_raw(statement))
            .await?;
        let row = row.ok_or(StoreError::LostLock {
            expected,
            updated: 0,
        })?;
        let updated = get::<i64>(&row, "written")?.unsigned_abs();
        if updated != expected {
            return Err(StoreError::LostLock { expected, updated });
        }
        get(&row, "at")
    }

    /// Runs a statement that writes these rows, unless there are none. Fails if it writes another
    /// number of rows.
    async fn put(
        &self,
        doing: &'static str,
        sql: &Sql,
        rows: Vec<Column>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let expected = rows.first().map_or(0, Column::len) as u64;
        if expected == 0 {
            return Ok(());
        }
        let backend = self.connection.get_database_backend();
        let mut values = bulk::rows(backend, rows);
        values.push(bulk::instant(backend, at));
        let updated = self.execute(doing, sql, values).await?;
        if updated == expected {
            return Ok(());
        }
        Err(StoreError::LostLock { expected, updated })
    }

    async fn execute(
        &self,
        doing: &'static str,
        sql: &Sql,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql.text(backend), values);
        let written = self.connection.execute_raw(statement);
        let result = self.timeout.wait(doing, written).await?;
        Ok(result.rows_affected())
    }
}
