//! An index for reports over the time at which transactions were booked.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// An index for reports over the time at which transactions were booked.
///
/// Rows are inserted in chronological order, so a block range index finds them and is cheap to
/// maintain. SQLite has no such index, and a report there reads the whole table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str =
    "CREATE INDEX credits_transaction_booked ON credits_transaction USING brin (created_at)
    WITH (autosummarize = on)";
const DOWN: &str = "DROP INDEX IF EXISTS credits_transaction_booked";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        dialect::execute(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await
    }
}
