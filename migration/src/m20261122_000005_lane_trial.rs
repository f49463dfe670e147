//! Messages that may be killing their worker.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// Messages that may be killing their worker.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, include_str!("sql/lane_trial.sql")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(manager, &["lane_trial"]).await
    }
}
