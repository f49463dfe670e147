//! Reads the audit log of operators, newest first: each action with its result.

use chrono::{DateTime, Utc};
use sea_orm::{
    DatabaseConnection, DbErr, FromQueryResult, Statement,
    prelude::{Json, Uuid},
};
use serde::Serialize;

use super::{Cursor, ReadError};
use crate::{audit_log::OperatorAction, db::bulk};

/// Maximum of actions on one page.
pub const MAX_ACTIONS: u32 = 1_000;

/// An instant after every action.
const END_OF_TIME: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};

/// Filter of the audit log. `None` in a field excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// The operator.
    pub actor: Option<String>,
    /// The command.
    pub action: Option<OperatorAction>,
    /// The user whose wallet the action concerned.
    pub user_id: Option<String>,
    /// Actions that began at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Actions that began before this instant.
    pub until: Option<DateTime<Utc>>,
}

/// The status of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionStatus {
    /// No end is recorded: the action is still running, or its process or the database was lost.
    Begun,
    /// The action ended with exit code 0.
    Completed,
    /// The action ended with another exit code. Changes that it made before the error stay.
    Failed,
}

/// An action of an operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Id of the row that records the begin.
    pub id: Uuid,
    /// Time of the record, before the action changed anything.
    pub at: DateTime<Utc>,
    /// The operator.
    pub actor: String,
    /// The command.
    pub action: String,
    /// The reference, job, file or namespace of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The user whose wallet the action concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub status: ActionStatus,
    /// The arguments of the command.
    pub detail: Json,
    /// Absent while no end is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts, dead letters, outcome or error. Absent while no end is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// The position after which older actions follow.
    pub cursor: Cursor,
}

/// A page of the audit log, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionPage {
    pub actions: Vec<Action>,
    /// Whether older actions follow.
    pub more: bool,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    created_at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: Option<String>,
    user_id: Option<String>,
    detail: Json,
    end_status: Option<String>,
    ended_at: Option<DateTime<Utc>>,
    result: Option<Json>,
}

/// `since, before, id, actor, action, user, limit`. An empty text excludes nothing.
const ACTIONS: &str = "\
SELECT b.id, b.created_at, b.actor, b.action, b.subject, b.user_id, b.detail,
       e.status AS end_status, e.created_at AS ended_at, e.detail AS result
  FROM operator_action b LEFT JOIN operator_action e ON e.begun_id = b.id
 WHERE b.begun_id IS NULL AND b.created_at >= $1 AND (b.created_at, b.id) < ($2, $3)
   AND ($4 = '' OR b.actor = $4) AND ($5 = '' OR b.action = $5) AND ($6 = '' OR b.user_id = $6)
 ORDER BY b.created_at DESC, b.id DESC LIMIT $7";

/// The newest actions that match the filter, or those before a position in the log. `limit` is
/// clamped to 1 to [`MAX_ACTIONS`].
pub async fn actions(
    db: &DatabaseConnection,
    filter: &ActionFilter,
    before: Option<&Cursor>,
    limit: u32,
) -> Result<ActionPage, ReadError> {
    page(db, filter, before, limit.clamp(1, MAX_ACTIONS))
        .await
        .map_err(ReadError::reading("audit log"))
}

async fn page(
    db: &DatabaseConnection,
    filter: &ActionFilter,
    before: Option<&Cursor>,
    limit: u32,
) -> Result<ActionPage, DbErr> {
    let backend = db.get_database_backend();
    let text = |text: &Option<String>| text.clone().unwrap_or_default().into();
    let until = (filter.until.unwrap_or(END_OF_TIME), Uuid::nil());
    let (at, id) = match before {
        Some(cursor) => until.min((cursor.created_at, cursor.id)),
        None => until,
    };
    let values = vec![
        bulk::instant(backend, filter.since.unwrap_or(DateTime::UNIX_EPOCH)),
        bulk::instant(backend, at),
        id.into(),
        text(&filter.actor),
        filter.action.map_or("", OperatorAction::as_str).into(),
        text(&filter.user_id),
        i64::from(limit).saturating_add(1).into(),
    ];
    let statement = Statement::from_sql_and_values(backend, ACTIONS, values);
    let mut rows = Row::find_by_statement(statement).all(db).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(ActionPage {
        actions: rows.into_iter().map(Action::from).collect(),
        more,
    })
}

impl From<Row> for Action {
    fn from(row: Row) -> Self {
        let status = match row.end_status.as_deref() {
            None => ActionStatus::Begun,
            Some("COMPLETED") => ActionStatus::Completed,
            Some(_) => ActionStatus::Failed,
        };
        Self {
            id: row.id,
            at: row.created_at,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            user_id: row.user_id,
            status,
            detail: row.detail,
            ended_at: row.ended_at,
            result: row.result,
            cursor: Cursor {
                created_at: row.created_at,
                id: row.id,
            },
        }
    }
}
