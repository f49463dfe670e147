//! Crash counters for messages that may crash their worker.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// Crash counters for messages that may crash their worker.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, include_str!("sql/delivery_attempt.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(manager, &["delivery_attempt"]).await
    }
}
