//! The whole schema of the first release.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The whole schema of the first release: one SQL file per table and database.
///
/// On PostgreSQL most rules of the tables `credits_*` are constraints of a domain over the checked
/// columns. PostgreSQL parses and plans the checks of a table again for each statement that writes
/// the table, which took a third of the time of a small group. It parses those of a domain once per
/// connection. For the same reason the checks there are short expressions: an array literal costs a
/// third of a list of literals. SQLite parses its checks once, and has them at its tables.
///
/// Only SQLite has the queue of the embedded mode.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES: &[&str] = &[
    include_str!("sql/postgres/credits_balance.sql"),
    include_str!("sql/postgres/credits_batch.sql"),
    include_str!("sql/postgres/credits_transaction.sql"),
    include_str!("sql/postgres/credits_allocation.sql"),
    include_str!("sql/postgres/credits_expect.sql"),
    include_str!("sql/postgres/subscription.sql"),
    include_str!("sql/postgres/job_run.sql"),
    include_str!("sql/postgres/delivery_attempt.sql"),
    include_str!("sql/postgres/ledger_identity.sql"),
    include_str!("sql/postgres/operator_action.sql"),
];
const SQLITE: &[&str] = &[
    include_str!("sql/sqlite/credits_balance.sql"),
    include_str!("sql/sqlite/credits_batch.sql"),
    include_str!("sql/sqlite/credits_transaction.sql"),
    include_str!("sql/sqlite/credits_allocation.sql"),
    include_str!("sql/sqlite/subscription.sql"),
    include_str!("sql/sqlite/job_run.sql"),
    include_str!("sql/sqlite/delivery_attempt.sql"),
    include_str!("sql/sqlite/ledger_identity.sql"),
    include_str!("sql/sqlite/operator_action.sql"),
    include_str!("sql/sqlite/queue_message.sql"),
    include_str!("sql/sqlite/queue_reply.sql"),
    include_str!("sql/sqlite/queue_lease.sql"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let files = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        for file in files {
            manager.get_connection().execute_unprepared(file).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = match manager.get_database_backend() {
            DbBackend::Postgres => include_str!("sql/postgres/drop.sql"),
            _ => include_str!("sql/sqlite/drop.sql"),
        };
        manager.get_connection().execute_unprepared(drop).await?;
        Ok(())
    }
}
