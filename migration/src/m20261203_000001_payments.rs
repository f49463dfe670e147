//! Events of payment providers and their links, and the actions about them in the audit log.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Events of payment providers and their links, and the actions about them in the audit log.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/payments/up.sql"),
            _ => include_str!("sql/sqlite/payments/up.sql"),
        };
        let db = manager.get_connection();
        db.execute_unprepared(text).await.map(drop)
    }

    /// The audit log goes with the baseline.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(
            "DROP TABLE payment_wait; DROP TABLE payment_link; DROP TABLE payment_event",
        )
        .await
        .map(drop)
    }
}
