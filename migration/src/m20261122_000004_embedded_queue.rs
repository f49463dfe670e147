//! The queue of the embedded mode, on SQLite only.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// The queue of the embedded mode, on SQLite only.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        dialect::execute(manager, include_str!("sql/queue_message.sql")).await?;
        dialect::execute(manager, include_str!("sql/queue_lease.sql")).await?;
        dialect::execute(manager, include_str!("sql/queue_reply.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(manager, &["queue_reply", "queue_lease", "queue_message"]).await
    }
}
