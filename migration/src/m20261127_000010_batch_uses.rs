//! Removes the index from a batch to its allocations.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// Removes the index from a batch to its allocations.
///
/// Queries for the uses of a batch read the history of its user instead. Each command had to add an
/// entry at a random position of that index. In a large ledger this meant reading and writing one
/// more page.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "DROP INDEX IF EXISTS credits_allocation_batch";
const DOWN: &str =
    "CREATE INDEX IF NOT EXISTS credits_allocation_batch ON credits_allocation (batch_id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await
    }
}
