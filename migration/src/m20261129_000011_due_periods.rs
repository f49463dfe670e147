//! The columns and the index that are needed to grant periods as soon as they are due.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// The columns and the index that are needed to grant periods as soon as they are due:
///
/// - `credits_balance.next_due_at`: a command sees without another query whether a period of its
///   user is due.
/// - `subscription.status_since`: a repeated event moves `status_at`, but not the start of the
///   status.
/// - An index from a subscription to its events and grants.
///
/// A period of a disabled plan may wait while later periods are granted, and periods before a
/// cancellation keep their own `paidThrough`. So two checks of `subscription` are dropped. SQLite
/// cannot drop a check, so there the table is created again.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: &str = "
ALTER TABLE credits_balance ADD COLUMN next_due_at timestamptz;
ALTER TABLE subscription ADD COLUMN status_since timestamptz,
  DROP CONSTRAINT subscription_periods_once_active,
  DROP CONSTRAINT subscription_due_while_it_is_paid,
  ADD CONSTRAINT subscription_since_before_latest_event CHECK (status_since <= status_at);";

const UP_SQLITE: &str = "
ALTER TABLE credits_balance ADD COLUMN next_due_at TEXT CONSTRAINT credits_balance_next_due_at_is_an_instant
  CHECK (next_due_at GLOB '????-??-??T??:??:??.??????+00:00');
ALTER TABLE subscription RENAME TO subscription_before";

const MOVE_ROWS: &str = "
INSERT INTO subscription (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through, next_period_start, due_at,
  status_at, created_at, updated_at)
SELECT id, user_id, plan, status, anchor, activated_at, ended_at, paid_through, next_period_start, due_at, status_at, created_at,
  updated_at
  FROM subscription_before;
DROP TABLE subscription_before;
CREATE INDEX subscription_user ON subscription (user_id);
CREATE INDEX subscription_due ON subscription (due_at, id) WHERE due_at IS NOT NULL";

const UP_BOTH: &str = "
CREATE INDEX credits_transaction_subscription ON credits_transaction (subscription_id, id) WHERE subscription_id IS NOT NULL;
UPDATE credits_balance
   SET next_due_at = (SELECT min(due_at) FROM subscription WHERE subscription.user_id = credits_balance.user_id)
 WHERE user_id IN (SELECT user_id FROM subscription WHERE due_at IS NOT NULL)";

/// The previous worker needs a next period for each subscription that ever ran. If no period is
/// due, the subscription gets the first one, which is granted already, so the unique index over
/// periods refuses it a second time. So this step back is meant for empty ledgers.
const DOWN_BOTH: &str = "
DROP INDEX IF EXISTS credits_transaction_subscription;
UPDATE subscription SET due_at = NULL WHERE due_at >= paid_through OR activated_at IS NULL;
UPDATE subscription
   SET next_period_start = CASE WHEN activated_at IS NOT NULL THEN coalesce(due_at, next_period_start, activated_at) END";

const DOWN: &str = "
ALTER TABLE credits_balance DROP COLUMN next_due_at;
ALTER TABLE subscription DROP COLUMN status_since,
  ADD CONSTRAINT subscription_periods_once_active CHECK ((activated_at IS NULL) = (next_period_start IS NULL)),
  ADD CONSTRAINT subscription_due_while_it_is_paid CHECK (due_at < paid_through);";

const DOWN_SQLITE: &str = "
ALTER TABLE credits_balance DROP COLUMN next_due_at;
DROP INDEX subscription_user;
DROP INDEX subscription_due;
ALTER TABLE subscription RENAME TO subscription_after";

const MOVE_ROWS_BACK: &str = "
INSERT INTO subscription
SELECT id, user_id, plan, status, anchor, activated_at, ended_at, paid_through, next_period_start, due_at, status_at, created_at,
  updated_at
  FROM subscription_after;
DROP TABLE subscription_after";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::execute(manager, UP).await?;
        } else {
            dialect::execute(manager, UP_SQLITE).await?;
            dialect::execute(manager, include_str!("sql/subscription_state.sql")).await?;
            dialect::execute(manager, MOVE_ROWS).await?;
        }
        dialect::execute(manager, UP_BOTH).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, DOWN_BOTH).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            return dialect::execute(manager, DOWN).await;
        }
        dialect::execute(manager, DOWN_SQLITE).await?;
        dialect::execute(manager, include_str!("sql/subscription.sql")).await?;
        dialect::execute(manager, MOVE_ROWS_BACK).await
    }
}
