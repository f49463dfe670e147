//! The table of refunds.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The table that limits the refunds of a consumption.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/credits_refund.sql"),
            _ => include_str!("sql/sqlite/credits_refund.sql"),
        };
        manager
            .get_connection()
            .execute_unprepared(text)
            .await
            .map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop_table = "DROP TABLE IF EXISTS credits_refund";
        manager
            .get_connection()
            .execute_unprepared(drop_table)
            .await
            .map(drop)
    }
}
