//! The audit log of operators.
use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

/// The audit log of operators: a table to which rows are only added.
///
/// The database itself refuses every other change, also by the table's owner. The owner can still
/// drop the table or its triggers. PostgreSQL also sets the time of every row, so no row can be
/// backdated.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The trigger fires once per statement, also if the statement matches no row.
const APPEND_ONLY: &str = "
CREATE FUNCTION operator_action_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of operator_action is refused', TG_OP
      USING ERRCODE = 'restrict_violation';
  END $$;
CREATE TRIGGER operator_action_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
  FOR EACH STATEMENT EXECUTE FUNCTION operator_action_refuse();";

/// The database sets the time of a row and ignores the one in the insertion.
const TIMED: &str = "
CREATE FUNCTION operator_action_time() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NEW.created_at = pg_catalog.clock_timestamp();
    RETURN NEW;
  END $$;
CREATE TRIGGER operator_action_time BEFORE INSERT ON operator_action
  FOR EACH ROW EXECUTE FUNCTION operator_action_time();";

/// `INSERT OR REPLACE` deletes a row without firing a delete trigger, so it is refused as an
/// insertion.
const APPEND_ONLY_SQLITE: [&str; 3] = [
    "CREATE TRIGGER operator_action_no_update BEFORE UPDATE ON operator_action
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: UPDATE of operator_action is refused'); END",
    "CREATE TRIGGER operator_action_no_delete BEFORE DELETE ON operator_action
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: DELETE of operator_action is refused'); END",
    "CREATE TRIGGER operator_action_no_replace BEFORE INSERT ON operator_action
      WHEN EXISTS (SELECT 1 FROM operator_action WHERE id = NEW.id OR begun_id = NEW.begun_id)
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a row of operator_action exists'); END",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::execute(manager, include_str!("sql/operator_action.sql")).await?;
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            connection.execute_unprepared(APPEND_ONLY).await?;
            connection.execute_unprepared(TIMED).await?;
            return Ok(());
        }
        for trigger in APPEND_ONLY_SQLITE {
            connection.execute_unprepared(trigger).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::drop_tables(manager, &["operator_action"]).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            let functions =
                "DROP FUNCTION IF EXISTS operator_action_refuse(), operator_action_time()";
            connection.execute_unprepared(functions).await?;
        }
        Ok(())
    }
}
