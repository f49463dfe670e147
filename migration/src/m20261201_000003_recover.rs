//! The action `recover` in the audit log.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The action `recover` in the audit log.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/recover/up.sql"),
            _ => include_str!("sql/sqlite/recover/up.sql"),
        };
        let db = manager.get_connection();
        db.execute_unprepared(text).await.map(drop)
    }

    /// The table goes with the baseline.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
