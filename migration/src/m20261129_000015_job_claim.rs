//! The number of claims of a job run.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The number of claims of a job run. It distinguishes a lost claim from a new claim by the same
/// worker. A worker of the previous release does not change it.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "ALTER TABLE job_run ADD COLUMN {bigint claim} NOT NULL DEFAULT 0";
const DOWN: &str = "ALTER TABLE job_run DROP COLUMN claim";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await
    }
}
