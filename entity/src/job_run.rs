//! Runs of the scheduled jobs: one row for each job and date.

use sea_orm::entity::prelude::*;

/// Runs of the scheduled jobs: one row for each job and date.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_run")]
pub struct Model {
    /// Id of the run, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The job: `grant`, `expire` or `verify`.
    pub name: String,
    /// The date it is for, `YYYY-MM-DD` in UTC.
    pub run_date: String,
    /// `RUNNING`, `COMPLETED` or `FAILED`.
    pub status: String,
    /// `job:{name}:{date}`.
    #[sea_orm(unique)]
    pub reference_id: String,
    /// When it was claimed first.
    pub started_at: DateTimeUtc,
    /// When it ended; `None` while it is RUNNING.
    pub finished_at: Option<DateTimeUtc>,
    /// Until when its runner has it for itself.
    pub lease_until: Option<DateTimeUtc>,
    /// How far it has got: where a resumed run goes on.
    pub cursor: Option<String>,
    /// Who asked for it.
    pub started_by: String,
    /// The worker that runs it, or ran it last.
    pub owner: String,
    /// Its counts and duration.
    pub result: Option<Json>,
    /// How often it was claimed; only the last claim may renew the lease or finish the run. 0: by a
    /// worker of a release that does not count.
    pub claim: i64,
}

impl ActiveModelBehavior for ActiveModel {}
