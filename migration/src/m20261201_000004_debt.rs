//! Revocations, debts, and the transactions that change a debt.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement},
};

/// Revocations, debts, and the transactions that change a debt.
///
/// On PostgreSQL the changed rules of wallets and transactions are constraints of a domain. The
/// checks of both tables are added again with the new columns, as `NOT VALID`: their rows are
/// validated after the migration, while workers continue. SQLite cannot change the checks of a
/// table, so the table of transactions is copied, as for holds.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Whether batches of refunds have no deposit yet.
const MISSING: &str = "SELECT EXISTS (
    SELECT 1 FROM credits_refund f
      JOIN credits_transaction t ON t.related_id = f.transaction_id AND t.type = 'refund'
      JOIN credits_batch b ON b.transaction_id = t.id
     WHERE b.deposit_id IS NULL)";

/// Fills in the deposits of the batches of refunds that have none: those from before the migration,
/// and those that a worker of the previous release has added since.
pub(crate) async fn fill_deposits<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let missing = Statement::from_string(backend, MISSING);
    let missing = db.query_one_raw(missing).await?;
    if !missing.map_or(Ok(false), |row| row.try_get_by_index(0))? {
        return Ok(());
    }
    let text = match backend {
        DbBackend::Postgres => include_str!("sql/postgres/debt/deposits.sql"),
        _ => include_str!("sql/sqlite/debt/deposits.sql"),
    };
    db.execute_unprepared(text).await.map(drop)
}

const INDEXES: &str = "SELECT sql FROM sqlite_schema \
    WHERE type = 'index' AND tbl_name = 'credits_transaction' AND sql IS NOT NULL ORDER BY rowid";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(include_str!("sql/postgres/debt/up.sql"))
                .await?;
            return fill_deposits(db).await;
        }
        let indexes = Statement::from_string(DbBackend::Sqlite, INDEXES);
        let indexes = db.query_all_raw(indexes).await?;
        db.execute_unprepared(include_str!("sql/sqlite/debt/credits_transaction.sql"))
            .await?;
        for index in indexes {
            let sql: String = index.try_get_by_index(0)?;
            db.execute_unprepared(&sql).await?;
        }
        db.execute_unprepared(include_str!("sql/sqlite/debt/up.sql"))
            .await?;
        fill_deposits(db).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop_tables = "DROP TABLE IF EXISTS credits_debt; \
            DROP TABLE IF EXISTS credits_revocation";
        // The changed tables of wallets and transactions go with the baseline.
        let db = manager.get_connection();
        db.execute_unprepared(drop_tables).await.map(drop)
    }
}
