//! From a batch to what was taken from it, without an index of its own.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// From a batch to what was taken from it, without an index of its own: whoever wants to know goes by the history of its
/// user. Each command had to put an entry into that index, at a place of its own, which in a large ledger was a page to be read
/// and written.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "DROP INDEX IF EXISTS credits_allocation_batch";
const DOWN: &str = "CREATE INDEX IF NOT EXISTS credits_allocation_batch ON credits_allocation (batch_id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await
    }
}
