//! The number of a job run's claim.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The number of a job run's claim, by which a claim that was lost is told from one that was made
/// anew by the same worker. A worker of the release before leaves it as it is.
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
