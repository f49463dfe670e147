//! Runs of the scheduled jobs: one row per job and date.

use sea_orm::entity::prelude::*;

/// Runs of the scheduled jobs: one row per job and date.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_run")]
pub struct Model {
    /// The id of the run, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The job: `grant`, `expire` or `verify`.
    pub name: String,
    /// The date of the run, as `YYYY-MM-DD` in UTC.
    pub run_date: String,
    /// `RUNNING`, `COMPLETED` or `FAILED`.
    pub status: String,
    /// `job:{name}:{date}`.
    #[sea_orm(unique)]
    pub reference_id: String,
    /// When it was first claimed.
    pub started_at: DateTimeUtc,
    /// When it ended. `None` while it is RUNNING.
    pub finished_at: Option<DateTimeUtc>,
    /// The end of the lease. Until then only the current owner runs it.
    pub lease_until: Option<DateTimeUtc>,
    /// The progress of the run. A resumed run continues from here.
    pub cursor: Option<String>,
    /// The person, or the schedule, that started it.
    pub started_by: String,
    /// The worker that runs it or ran it last.
    pub owner: String,
    /// The number of claims. Only the last claim may renew the lease or finish the run. 0 means
    /// that a worker of a release without this counter claimed it.
    pub claim: i64,
    /// Its counts and duration.
    pub result: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
