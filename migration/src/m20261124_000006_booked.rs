//! Finding what was booked in a time, for reports.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// Finding what was booked in a time, for reports. Rows come in the order of time, so a block range index finds them
/// and costs next to nothing to keep. SQLite has none, and a report there reads the whole table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "CREATE INDEX credits_transaction_booked ON credits_transaction USING brin (created_at)
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
