//! The audit log of operators: a row records an action before it is executed, and a second row
//! records how it ended.

use chrono::Utc;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde_json::Value as Json;
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::db::{Database, StoreError, bulk};

const BEGIN: &str = "\
INSERT INTO operator_action (id, status, actor, action, subject, user_id, detail, created_at)
VALUES ($1, 'BEGUN', $2, $3, $4, $5, CAST($6 AS json), clock_timestamp())";

const BEGIN_SQLITE: &str = "\
INSERT INTO operator_action (id, status, actor, action, subject, user_id, detail, created_at)
VALUES ($1, 'BEGUN', $2, $3, $4, $5, $6, $7)";

const END: &str = "\
INSERT INTO operator_action
  (id, begun_id, status, actor, action, subject, user_id, detail, created_at)
SELECT $1, id, $3, actor, action, subject, user_id, CAST($4 AS json), clock_timestamp()
  FROM operator_action WHERE id = $2 AND begun_id IS NULL";

const END_SQLITE: &str = "\
INSERT INTO operator_action
  (id, begun_id, status, actor, action, subject, user_id, detail, created_at)
SELECT $1, id, $3, actor, action, subject, user_id, $4, $5
  FROM operator_action WHERE id = $2 AND begun_id IS NULL";

/// A manual action of an operator that changes data. The variants are in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum OperatorAction {
    /// `scrip dead drop`
    DeadDrop,
    /// `scrip dead replay`
    DeadReplay,
    /// `scrip publish forgive`
    Forgive,
    /// `scrip publish freeze`
    Freeze,
    /// `scrip job run`
    JobRun,
    /// `scrip payments dismiss`
    PaymentDismiss,
    /// `scrip payments link`
    PaymentLink,
    /// `scrip payments replay`
    PaymentReplay,
    /// `scrip publish` of any other command
    Publish,
    /// `scrip recover`
    Recover,
    /// `scrip publish reinstate`
    Reinstate,
    /// `scrip replay`
    Replay,
    /// `scrip publish revoke`
    Revoke,
    /// `scrip token create`
    TokenCreate,
    /// `scrip token revoke`
    TokenRevoke,
    /// `scrip topology claim`
    TopologyClaim,
    /// `scrip publish unfreeze`
    Unfreeze,
}

impl OperatorAction {
    /// The name of the action in the table and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An action that is about to be executed.
#[derive(Clone, Debug, PartialEq)]
pub struct IntendedAction<'a> {
    /// The operator. 1 to 200 bytes.
    pub actor: &'a str,
    /// The command.
    pub action: OperatorAction,
    /// The reference, job, file or namespace of the action. At most 255 bytes.
    pub subject: Option<&'a str>,
    /// The user whose wallet the action concerns. At most 200 bytes.
    pub user_id: Option<&'a str>,
    /// The arguments of the command.
    pub detail: &'a Json,
}

impl Database {
    /// Records that an action begins. Returns the id of the row.
    pub async fn begin_action(&self, intended: &IntendedAction<'_>) -> Result<Uuid, StoreError> {
        let doing = "record the action in the audit log";
        let id = Uuid::now_v7();
        let text = |text: Option<&str>| Value::from(text.map(ToOwned::to_owned));
        let mut values = vec![
            id.into(),
            intended.actor.into(),
            intended.action.as_str().into(),
            text(intended.subject),
            text(intended.user_id),
            intended.detail.to_string().into(),
        ];
        let statement = if self.backend() == DbBackend::Sqlite {
            values.push(bulk::instant(self.backend(), Utc::now()));
            Statement::from_sql_and_values(self.backend(), BEGIN_SQLITE, values)
        } else {
            Statement::from_sql_and_values(self.backend(), BEGIN, values)
        };
        self.write(doing, self.connection().execute_raw(statement))
            .await?;
        Ok(id)
    }

    /// Records how an action ended. The database refuses a second end of the same action.
    pub async fn end_action(
        &self,
        begun: Uuid,
        completed: bool,
        detail: &Json,
    ) -> Result<(), StoreError> {
        let doing = "record in the audit log how the action ended";
        let status = if completed { "COMPLETED" } else { "FAILED" };
        let mut values = vec![
            Uuid::now_v7().into(),
            begun.into(),
            status.into(),
            detail.to_string().into(),
        ];
        let statement = if self.backend() == DbBackend::Sqlite {
            values.push(bulk::instant(self.backend(), Utc::now()));
            Statement::from_sql_and_values(self.backend(), END_SQLITE, values)
        } else {
            Statement::from_sql_and_values(self.backend(), END, values)
        };
        let recorded = self
            .write(doing, self.connection().execute_raw(statement))
            .await?;
        if recorded.rows_affected() == 1 {
            return Ok(());
        }
        let missing =
            sea_orm::DbErr::RecordNotFound(format!("the beginning of the action {begun}"));
        Err(StoreError::database(doing)(missing))
    }
}
