//! The audit log of operator actions.

use sea_orm::entity::prelude::*;

/// The audit log of operator actions. Rows are only added, never changed or deleted.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_action")]
pub struct Model {
    /// The id of the row, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In a row that records the end of an action: the id of the row that records its start.
    #[sea_orm(unique)]
    pub begun_id: Option<Uuid>,
    /// `BEGUN` before the action starts. `COMPLETED` or `FAILED` after it ended with exit code 0 or
    /// another one.
    pub status: String,
    /// The operator: `--actor`, else `SCRIP_ACTOR`, else the user of the operating system.
    pub actor: String,
    /// The command: `dead_drop`, `dead_replay`, `forgive`, `freeze`, `job_run`, `publish`, `recover`,
    /// `reinstate`, `replay`, `revoke`, `token_create`, `token_revoke`, `topology_claim` or
    /// `unfreeze`.
    pub action: String,
    /// The reference, job, file or namespace that the action is about, if any.
    pub subject: Option<String>,
    /// The user whose wallet the action is about, if any.
    pub user_id: Option<String>,
    /// The request. In a row that records the end of an action: counts, dead letters, outcome or
    /// error.
    pub detail: Json,
    /// When the row was written, by the clock of the database. For an SQLite file it is the clock
    /// of the operator's machine.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
