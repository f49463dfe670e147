//! Runs of jobs: the owner, the progress and the result of each run.
//!
//! A process claims a run by writing its row. There is one row per job and date, so a run is
//! executed once, whichever process requests it. The owner renews a lease. After the lease has
//! expired, another process may claim the run and continue at its cursor.
//!
//! Each claim has a number, one higher than the claim before. Only the last claim may renew the
//! lease or finish the run. So a worker that has lost its lease and claims the run again does not
//! also continue under its old claim.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use entity::job_run;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value, prelude::Uuid,
};
use serde_json::Value as Json;

use crate::db::{Database, StoreError, bulk};

/// Time after the last renewal until another process may claim a run.
const LEASE: TimeDelta = TimeDelta::seconds(60);

const CLAIMING: &str = "claim a job";

/// A row of the table `job_run`.
pub type JobRun = job_run::Model;

/// The result of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// This process owns the run.
    Ours(JobRun),
    /// Another owner has the run, or it is finished.
    Taken(JobRun),
}

/// `id, name, date, reference, started by, owner, now, lease until, 1 to run a finished one again`
/// → the number of the claim.
const CLAIM: &str = "\
INSERT INTO job_run (id, name, run_date, status, reference_id, started_at, lease_until, started_by, owner, claim)
VALUES ($1, $2, $3, 'RUNNING', $4, $7, $8, $5, $6, 1)
ON CONFLICT (name, run_date) DO UPDATE SET status = 'RUNNING', owner = excluded.owner, claim = job_run.claim + 1,
  lease_until = excluded.lease_until, finished_at = NULL,
  started_by = CASE WHEN job_run.status = 'RUNNING' THEN job_run.started_by ELSE excluded.started_by END,
  started_at = CASE WHEN job_run.status = 'RUNNING' THEN job_run.started_at ELSE excluded.started_at END,
  cursor = CASE WHEN job_run.status = 'RUNNING' THEN job_run.cursor ELSE NULL END,
  result = CASE WHEN job_run.status = 'RUNNING' THEN job_run.result ELSE NULL END
WHERE (job_run.status = 'RUNNING' AND job_run.lease_until <= $7) OR (job_run.status <> 'RUNNING' AND $9 = 1)
RETURNING claim";

/// `id, owner, cursor, result, lease until, claim`.
const RENEW: &str = "\
UPDATE job_run SET cursor = $3, result = {json}, lease_until = $5
WHERE id = $1 AND owner = $2 AND claim = $6 AND status = 'RUNNING'";

/// `id, owner, status, result, now, claim`.
const FINISH: &str = "\
UPDATE job_run SET status = $3, result = {json}, finished_at = $5, lease_until = NULL
WHERE id = $1 AND owner = $2 AND claim = $6 AND status = 'RUNNING'";

impl Database {
    /// Claims the run of a job for a date: a new run, a run whose lease has expired, or, if
    /// `again`, a finished run.
    pub async fn claim_job(
        &self,
        name: &str,
        date: NaiveDate,
        (started_by, owner): (&str, &str),
        now: DateTime<Utc>,
        again: bool,
    ) -> Result<Claim, StoreError> {
        let date = date.to_string();
        let values = [
            Uuid::now_v7().into(),
            name.into(),
            date.as_str().into(),
            format!("job:{name}:{date}").into(),
            started_by.into(),
            owner.into(),
            self.instant(now),
            self.instant(now + LEASE),
            i32::from(again).into(),
        ];
        let mut claimed = self.write_claim(values.clone().into()).await;
        if claimed.as_ref().is_err_and(StoreError::is_unique_violation) {
            // Another process inserted the row at the same time, and the unique index of the
            // reference reported it before `ON CONFLICT` could. The second try sees that row.
            claimed = self.write_claim(values.into()).await;
        }
        let claimed = claimed?;
        let row = job_run::Entity::find()
            .filter(job_run::Column::Name.eq(name))
            .filter(job_run::Column::RunDate.eq(date))
            .one(self.connection());
        let row = self.timeout().wait(CLAIMING, row).await?;
        let missing = sea_orm::DbErr::RecordNotFound("the run just claimed".to_owned());
        let row = row.ok_or_else(|| StoreError::database(CLAIMING)(missing))?;
        // Another process may have claimed the run between the two statements, if this process was
        // suspended until its lease expired.
        Ok(if claimed == Some(row.claim) && row.owner == owner {
            Claim::Ours(row)
        } else {
            Claim::Taken(row)
        })
    }

    /// The number of the claim. `None` if the run could not be claimed.
    async fn write_claim(&self, values: Vec<Value>) -> Result<Option<i64>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), CLAIM, values);
        let written = self.connection().query_all_raw(statement);
        let rows = self.write(CLAIMING, written).await?;
        let claim = rows.first().map(|row| row.try_get_by_index(0)).transpose();
        claim.map_err(StoreError::database(CLAIMING))
    }

    /// Stores the progress of a run and renews the lease. Returns `false` if another claim owns the
    /// run.
    pub async fn renew_job(
        &self,
        run: &JobRun,
        cursor: Option<&str>,
        result: &Json,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.lease_until(run, cursor, result, now + LEASE).await
    }

    /// Stores the progress of a run and ends the lease, so that another process may continue at
    /// once. Returns `false` if another claim owns the run.
    pub async fn release_job(
        &self,
        run: &JobRun,
        cursor: Option<&str>,
        result: &Json,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.lease_until(run, cursor, result, now).await
    }

    async fn lease_until(
        &self,
        run: &JobRun,
        cursor: Option<&str>,
        result: &Json,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let cursor = cursor.map(ToOwned::to_owned);
        let values = vec![
            run.id.into(),
            run.owner.as_str().into(),
            cursor.into(),
            result.to_string().into(),
            self.instant(until),
            run.claim.into(),
        ];
        let text = RENEW.replace("{json}", self.json());
        let renewed = self.change(&text, values, "renew a job's lease").await?;
        Ok(renewed == 1)
    }

    /// Finishes a run. Returns `false` if another claim owns the run.
    pub async fn finish_job(
        &self,
        run: &JobRun,
        completed: bool,
        result: &Json,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let status = if completed { "COMPLETED" } else { "FAILED" };
        let values = vec![
            run.id.into(),
            run.owner.as_str().into(),
            status.into(),
            result.to_string().into(),
            self.instant(now),
            run.claim.into(),
        ];
        let text = FINISH.replace("{json}", self.json());
        let ended = self.change(&text, values, "finish a job").await?;
        Ok(ended == 1)
    }

    /// The newest runs, at most `limit`.
    pub async fn job_runs(&self, limit: u64) -> Result<Vec<JobRun>, StoreError> {
        job_run::Entity::find()
            .order_by_desc(job_run::Column::RunDate)
            .order_by_desc(job_run::Column::StartedAt)
            .limit(limit)
            .all(self.read_connection())
            .await
            .map_err(StoreError::database("list the runs of jobs"))
    }

    /// Whether a run of the job exists for a date.
    pub async fn has_job_run(&self, name: &str, date: NaiveDate) -> Result<bool, StoreError> {
        let row = job_run::Entity::find()
            .filter(job_run::Column::Name.eq(name))
            .filter(job_run::Column::RunDate.eq(date.to_string()))
            .one(self.connection())
            .await
            .map_err(StoreError::database("look up the run of a job"))?;
        Ok(row.is_some())
    }

    /// Running runs whose lease has expired.
    pub async fn abandoned_jobs(&self, now: DateTime<Utc>) -> Result<Vec<JobRun>, StoreError> {
        let running = job_run::Entity::find()
            .filter(job_run::Column::Status.eq("RUNNING"))
            .all(self.connection())
            .await
            .map_err(StoreError::database("look for abandoned jobs"))?;
        let abandoned = running.into_iter();
        Ok(abandoned
            .filter(|run| run.lease_until.is_none_or(|until| until <= now))
            .collect())
    }

    fn instant(&self, at: DateTime<Utc>) -> Value {
        bulk::instant(self.backend(), at)
    }

    /// The placeholder of the fourth parameter, typed as JSON.
    fn json(&self) -> &'static str {
        match self.backend() {
            DbBackend::Sqlite => "$4",
            _ => "$4::json",
        }
    }

    async fn change(
        &self,
        text: &str,
        values: Vec<Value>,
        doing: &'static str,
    ) -> Result<u64, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), text, values);
        let changed = self
            .write(doing, self.connection().execute_raw(statement))
            .await?;
        Ok(changed.rows_affected())
    }
}
