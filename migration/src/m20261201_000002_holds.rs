//! Holds and their slices, and captures that move credits.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

/// Holds and their slices, and captures that move credits.
///
/// On PostgreSQL the changed rules of transactions are constraints of a domain, which can be
/// replaced. SQLite cannot change the checks of a table, so the table is copied. Its indexes are
/// made again as they were: the one over references may have another key than in the baseline.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: &str = "SELECT sql FROM sqlite_schema \
    WHERE type = 'index' AND tbl_name = 'credits_transaction' AND sql IS NOT NULL ORDER BY rowid";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(include_str!("sql/postgres/holds/up.sql"))
                .await?;
            return Ok(());
        }
        db.execute_unprepared(include_str!("sql/sqlite/holds/up.sql"))
            .await?;
        let indexes = Statement::from_string(DbBackend::Sqlite, INDEXES);
        let indexes = db.query_all_raw(indexes).await?;
        db.execute_unprepared(include_str!("sql/sqlite/holds/credits_transaction.sql"))
            .await?;
        for index in indexes {
            let sql: String = index.try_get_by_index(0)?;
            db.execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/holds/drop.sql"),
            _ => include_str!("sql/sqlite/holds/drop.sql"),
        };
        manager.get_connection().execute_unprepared(drop).await?;
        Ok(())
    }
}
