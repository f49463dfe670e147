//! The audit log: what operators did by hand.

use sea_orm::entity::prelude::*;

/// The audit log: what operators did by hand. Rows are only ever added.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operator_action")]
pub struct Model {
    /// Id of the row, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In a row that says how an action ended: the row that says that it began.
    #[sea_orm(unique)]
    pub begun_id: Option<Uuid>,
    /// `BEGUN`: it is about to be done. `COMPLETED` or `FAILED`: it ended with exit code 0, or with another one.
    pub status: String,
    /// The operator: `--actor`, else `SCRIP_ACTOR`, else the system's user.
    pub actor: String,
    /// The command: `dead_drop`, `dead_replay`, `freeze`, `job_run`, `publish`, `replay`, `topology_claim` or `unfreeze`.
    pub action: String,
    /// The reference, job, file or namespace that it was about, if it was about one.
    pub subject: Option<String>,
    /// The user whose wallet it was about, if it was about one.
    pub user_id: Option<String>,
    /// What was asked for; in a row that ends an action: counts, letters, outcome or error.
    pub detail: Json,
    /// When the row was written, by the database's clock (by the operator's machine where it is an SQLite file).
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
