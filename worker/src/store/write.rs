//! Writes the changes of a group of commands: by one statement on PostgreSQL, by one statement for
//! each kind of row on SQLite.

use chrono::{DateTime, Utc};
use ledger::Changes;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use super::{rows, rows_debts, single_consume::SingleConsume, sql};
use crate::db::{
    BookingClock, StoreError, Timeout,
    bulk::{self, Column},
    get,
};

const WRITE_GROUP: &str = "write a group";

/// Writes the changes of one group.
pub struct Writer<'a, C> {
    pub connection: &'a C,
    pub(super) timeout: Timeout,
    pub booking_clock: BookingClock,
    pub now: DateTime<Utc>,
}

impl<C: ConnectionTrait> Writer<'_, C> {
    /// Writes all changes of locked wallets.
    pub async fn write(&self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let at = match self.backend() {
            DbBackend::Sqlite => self.write_each_kind(changes).await?,
            _ => self.write_group(changes).await?,
        };
        let rows = rows::subscriptions(&changes.subscriptions);
        let text = sql::WRITE_SUBSCRIPTIONS.text(self.backend());
        self.put("write subscriptions", text, rows, at).await?;
        let rows = rows::refunded(&changes.refunded);
        let text = sql::WRITE_REFUNDS.text(self.backend());
        self.put("write refunds", text, rows, at).await?;
        self.write_debts(changes, at).await?;
        if !changes.unopened.is_empty() {
            let values = bulk::rows(self.backend(), vec![Column::Id(changes.unopened.clone())]);
            let text = sql::DROP_UNOPENED.text(self.backend());
            self.execute("drop unopened wallets", text, values).await?;
        }
        Ok(())
    }

    /// Writes what was revoked of deposits, and debts.
    async fn write_debts(
        &self,
        changes: &Changes<'_>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let backend = self.backend();
        if !changes.revoked.is_empty() {
            let deposits = rows_debts::revoked_deposits(&changes.revoked);
            let mut values = bulk::rows(backend, deposits);
            values.push(bulk::instant(backend, at));
            let text = sql::INSERT_REVOCATIONS.text(backend);
            self.execute("insert revocations", text, values).await?;
        }
        let (new, changed): (Vec<_>, Vec<_>) =
            changes.debts.iter().partition(|change| change.is_new);
        for (doing, text, rows) in [
            (
                "update revocations",
                sql::UPDATE_REVOCATIONS,
                rows_debts::revoked(&changes.revoked),
            ),
            (
                "insert debts",
                sql::INSERT_DEBTS,
                rows_debts::new_debts(&new),
            ),
            (
                "update debts",
                sql::UPDATE_DEBTS,
                rows_debts::changed_debts(&changed),
            ),
        ] {
            self.put(doing, text.text(backend), rows, at).await?;
        }
        Ok(())
    }

    /// Writes all changes of wallets that were read without a lock, by one PostgreSQL statement. It
    /// writes nothing unless every wallet still has the version that was read.
    pub async fn write_unless_stale(&self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let single_consume = SingleConsume::from_changes(changes);
        match single_consume.filter(|_| !changes.has_holds()) {
            Some(single_consume) => {
                let values = single_consume.values(self.booked());
                self.execute(WRITE_GROUP, sql::WRITE_SINGLE_CONSUME, values)
                    .await?;
            }
            None => {
                self.write_group(changes).await?;
            }
        }
        Ok(())
    }

    /// Writes wallets, transactions and batches by one PostgreSQL statement. Returns their booking
    /// time.
    ///
    /// Both commit paths write wallets before transactions, so that their writers wait for each
    /// other instead of a deadlock.
    async fn write_group(&self, changes: &Changes<'_>) -> Result<DateTime<Utc>, StoreError> {
        if changes.postings.is_empty() && changes.changed_wallets.is_empty() {
            return Ok(self.now);
        }
        let mut columns = rows::changed_wallets(&changes.changed_wallets);
        columns.extend(rows::held_wallets(changes));
        columns.extend(rows::transactions(&changes.postings));
        columns.extend(rows::new_batches(&changes.new_batches));
        columns.extend(rows::allocations(&changes.postings));
        columns.extend(rows::changed_batches(&changes.changed_batches));
        let mut values = bulk::rows(self.backend(), columns);
        values.push(self.booked());
        let mut columns = vec![
            rows::hold_ends(&changes.changed_wallets),
            rows::debts_of(&changes.changed_wallets),
            rows::debt_changes(&changes.postings),
            rows::deposits_of(&changes.new_batches),
        ];
        let mut text = sql::WRITE_GROUP;
        if changes.has_holds() {
            text = sql::WRITE_GROUP_WITH_HOLDS;
            columns.extend(rows::new_holds(&changes.new_holds));
            columns.extend(rows::new_slices(&changes.new_holds));
            columns.extend(rows::changed_holds(&changes.changed_holds));
            columns.extend(rows::changed_slices(&changes.changed_slices));
        }
        values.extend(bulk::rows(self.backend(), columns));
        let statement = Statement::from_sql_and_values(self.backend(), text, values);
        let written = self.connection.query_one_raw(statement);
        let row = self.timeout.wait(WRITE_GROUP, written).await?;
        row.map_or(Ok(self.now), |row| get(&row, "at"))
    }

    /// The booking time of the group as a parameter: null selects the clock of the database.
    fn booked(&self) -> Value {
        match self.booking_clock {
            BookingClock::Caller => bulk::instant(self.backend(), self.now),
            BookingClock::Database => None::<DateTime<Utc>>.into(),
        }
    }

    /// Writes wallets, transactions and batches by one SQLite statement for each kind of row.
    /// Returns their booking time.
    async fn write_each_kind(&self, changes: &Changes<'_>) -> Result<DateTime<Utc>, StoreError> {
        let postings = &changes.postings;
        let mut wallets = rows::changed_wallets(&changes.changed_wallets);
        wallets.push(rows::hold_ends(&changes.changed_wallets));
        wallets.push(rows::debts_of(&changes.changed_wallets));
        let mut transactions = rows::transactions(postings);
        transactions.push(rows::debt_changes(postings));
        let mut batches = rows::new_batches(&changes.new_batches);
        batches.push(rows::deposits_of(&changes.new_batches));
        for (doing, text, rows) in [
            (
                "insert transactions",
                sql::INSERT_TRANSACTIONS,
                transactions,
            ),
            ("insert batches", sql::INSERT_BATCHES, batches),
            (
                "insert allocations",
                sql::INSERT_ALLOCATIONS,
                rows::allocations(postings),
            ),
            (
                "update batches",
                sql::UPDATE_BATCHES,
                rows::changed_batches(&changes.changed_batches),
            ),
            (
                "insert holds",
                sql::INSERT_HOLDS,
                rows::new_holds(&changes.new_holds),
            ),
            (
                "insert slices of holds",
                sql::INSERT_HOLD_SLICES,
                rows::new_slices(&changes.new_holds),
            ),
            (
                "update holds",
                sql::UPDATE_HOLDS,
                rows::changed_holds(&changes.changed_holds),
            ),
            (
                "update slices of holds",
                sql::UPDATE_HOLD_SLICES,
                rows::changed_slices(&changes.changed_slices),
            ),
            ("update wallets", sql::UPDATE_WALLETS, wallets),
        ] {
            self.put(doing, text, rows, self.now).await?;
        }
        Ok(self.now)
    }

    /// Runs a statement that writes these rows, unless there are none. Fails if it writes another
    /// number of rows.
    async fn put(
        &self,
        doing: &'static str,
        text: &'static str,
        rows: Vec<Column>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let expected = rows.first().map_or(0, Column::len) as u64;
        if expected == 0 {
            return Ok(());
        }
        let mut values = bulk::rows(self.backend(), rows);
        values.push(bulk::instant(self.backend(), at));
        let updated = self.execute(doing, text, values).await?;
        if updated == expected {
            return Ok(());
        }
        Err(StoreError::LostLock { expected, updated })
    }

    async fn execute(
        &self,
        doing: &'static str,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), text, values);
        let written = self.connection.execute_raw(statement);
        let result = self.timeout.wait(doing, written).await?;
        Ok(result.rows_affected())
    }

    fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }
}
