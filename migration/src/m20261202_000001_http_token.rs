//! Tokens of the HTTP API, and the actions `token_create` and `token_revoke` in the audit log.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Tokens of the HTTP API, and the actions `token_create` and `token_revoke` in the audit log.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/http_token/up.sql"),
            _ => include_str!("sql/sqlite/http_token/up.sql"),
        };
        let db = manager.get_connection();
        db.execute_unprepared(text).await.map(drop)
    }

    /// The audit log goes with the baseline.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP TABLE http_token")
            .await
            .map(drop)
    }
}
