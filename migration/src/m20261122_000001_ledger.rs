//! Wallets, batches, transactions and allocations.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// Wallets, batches, transactions and allocations.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, include_str!("sql/credits_balance.sql")).await?;
        dialect::execute(manager, include_str!("sql/credits_batch.sql")).await?;
        dialect::execute(manager, include_str!("sql/credits_transaction.sql")).await?;
        dialect::execute(manager, include_str!("sql/credits_allocation.sql")).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(
            manager,
            &[
                "credits_allocation",
                "credits_transaction",
                "credits_batch",
                "credits_balance",
            ],
        )
        .await
    }
}
