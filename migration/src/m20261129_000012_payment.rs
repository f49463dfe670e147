//! One payment is credited once.
use sea_orm_migration::prelude::*;

use crate::dialect;

/// One payment is credited once: a unique index over the payment and its line.
///
/// A payment without lines has no `purchase_line`. The same is true for all payments that were
/// credited before this migration, and for those that a worker of an earlier release credits later.
/// So the index covers them, too.
///
/// A ledger may contain payments that were credited more than once. All their purchases but the
/// first are marked with the first (`duplicate_of`), and the index leaves marked rows out. No
/// credits are taken back. `scrip verify` lists these purchases.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
ALTER TABLE credits_transaction ADD COLUMN {key purchase_line};

ALTER TABLE credits_transaction ADD COLUMN {uuid duplicate_of};

UPDATE credits_transaction SET duplicate_of = payments.first_id
  FROM (SELECT id, first_value(id) OVER payment AS first_id, row_number() OVER payment AS place
          FROM credits_transaction
         WHERE type = 'purchase' AND status = 'COMPLETED' AND purchase_id IS NOT NULL
        WINDOW payment AS (PARTITION BY purchase_id ORDER BY created_at, id)) AS payments
 WHERE credits_transaction.id = payments.id AND payments.place > 1;

CREATE UNIQUE INDEX credits_transaction_payment_key
  ON credits_transaction (purchase_id, COALESCE(purchase_line, ''))
  WHERE type = 'purchase' AND status = 'COMPLETED' AND duplicate_of IS NULL";

const DOWN: &str = "
DROP INDEX IF EXISTS credits_transaction_payment_key;

ALTER TABLE credits_transaction DROP COLUMN duplicate_of;

ALTER TABLE credits_transaction DROP COLUMN purchase_line";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN).await
    }
}
