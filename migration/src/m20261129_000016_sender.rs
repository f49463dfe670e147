//! The broker account that sent a command.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// The verified sender of a command, stored with its transaction.
///
/// On PostgreSQL the check belongs to a domain, which is parsed once per connection. Each statement
/// would parse a check of the table again.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
CREATE DOMAIN credits_transaction_sender AS text COLLATE \"C\"
  CONSTRAINT credits_transaction_sender_length CHECK (octet_length(VALUE) BETWEEN 1 AND 255);
ALTER TABLE credits_transaction ADD COLUMN sender credits_transaction_sender";

const UP_SQLITE: &str = "
ALTER TABLE credits_transaction ADD COLUMN sender TEXT CONSTRAINT credits_transaction_sender_length
  CHECK (octet_length(sender) BETWEEN 1 AND 255)";

/// This step back fails if two references differ only by their sender.
const DOWN: &str = "
DROP INDEX credits_transaction_reference_key;
CREATE UNIQUE INDEX credits_transaction_reference_key ON credits_transaction (origin, reference_id);
ALTER TABLE credits_transaction DROP COLUMN sender";

const DOWN_POSTGRES: &str = "DROP DOMAIN credits_transaction_sender";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let up = match manager.get_database_backend() {
            DbBackend::Postgres => UP,
            _ => UP_SQLITE,
        };
        dialect::execute(manager, up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::execute(manager, DOWN_POSTGRES).await?;
        }
        Ok(())
    }
}
