//! The id of the ledger, which is also stored on the broker.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// The id of the ledger. A worker compares it with the id on the broker, so that two databases
/// never serve the same namespace.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, include_str!("sql/ledger_identity.sql")).await?;
        let random = match manager.get_database_backend() {
            DbBackend::Postgres => "gen_random_uuid()",
            _ => "randomblob(16)",
        };
        let insert = format!("INSERT INTO ledger_identity (singleton, id) VALUES (1, {random})");
        dialect::execute(manager, &insert).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(manager, &["ledger_identity"]).await
    }
}
