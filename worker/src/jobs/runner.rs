//! Claims a run and processes what is due, with retries while the database is unavailable.

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{Stream, StreamExt};
use ledger::Rules;
use producer_sdk::{Client, contract::Job};
use tokio::{
    task::unconstrained,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    counts::Counts,
    due,
    error::{ClaimError, Interrupted, JobError},
    progress::Progress,
    repository::{Claim, JobRun},
    work::{Done, Work},
};
use crate::{
    clock::{Clock, ClockError},
    db::Database,
    pipeline::{Backoff, chain},
    read::ReadError,
    verify,
};

/// How often a run renews its lease and stores its progress.
const RENEW_EVERY: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// A job is given up after this many failures in a row while the database answers.
const MAX_FAILURES: u32 = 20;
/// How long a stopped run waits for answers to the commands that it has sent.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Largest number of violations in the log. All are counted, and `scrip verify` lists them.
const MAX_LOGGED: usize = 20;

/// Claims and runs jobs.
#[derive(Clone, Debug)]
pub struct Runner {
    pub database: Database,
    /// The rules that determine what is due.
    pub rules: Arc<Rules>,
    /// Sends commands to the lanes.
    pub client: Arc<Client>,
    pub clock: Clock,
    /// The name of this worker, which no other worker has.
    pub worker: String,
    /// How long one command waits for its outcome.
    pub answer_timeout: Duration,
    /// Stops the runs in progress.
    pub stop: CancellationToken,
}

impl Runner {
    /// Claims the run of a job for a date. A finished run is claimed only if `again`.
    pub async fn claim(
        &self,
        job: Job,
        date: NaiveDate,
        started_by: &str,
        again: bool,
    ) -> Result<Claim, ClaimError> {
        let now = self.clock.compare().await?;
        let claimant = (started_by, self.worker.as_str());
        let claim = self
            .database
            .claim_job(job.as_str(), date, claimant, now, again);
        Ok(claim.await?)
    }

    /// Runs a claimed run from its cursor, and returns the final counters. `report` receives the
    /// counters so far.
    pub async fn run(
        &self,
        job: Job,
        run: JobRun,
        mut report: impl FnMut(&Counts) + Send,
    ) -> Result<Counts, JobError> {
        let (name, date) = (run.name.clone(), run.run_date.clone());
        let mut progress = Progress::new(self.database.clone(), self.clock.clone(), run);
        let resumed = progress.cursor.is_some();
        info!(job = name, date, resumed, "job started");
        let done = self.work(job, &mut progress, &mut report).await;
        progress.update_duration();
        if let Err(stopped) = done {
            let error = chain(&stopped);
            if let JobError::Impossible(cause) = &stopped {
                error!(alarm = true, job = name, date, error, "job failed");
                progress.counts.error = Some(cause.clone());
                progress.finish(&self.stop).await?;
            } else {
                warn!(job = name, date, error, "job did not finish");
            }
            return Err(stopped);
        }
        progress.finish(&self.stop).await?;
        let result = progress.counts.to_json();
        info!(job = name, date, result = %result, "job finished");
        Ok(progress.counts)
    }

    async fn work(
        &self,
        job: Job,
        progress: &mut Progress,
        report: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), JobError> {
        let mut backoff = Backoff::new(MAX_PAUSE);
        let mut failures = 0;
        loop {
            let first_cursor = progress.cursor.clone();
            // The time that determines what is due was compared just now.
            let done = match self.clock.compare().await {
                Ok(now) => self.process(job, now, progress, report).await,
                Err(ClockError::Unknown(error)) => Err(Interrupted::Database(chain(&error))),
                Err(error) => Err(Interrupted::Clock(chain(&error))),
            };
            match done {
                Ok(()) => return Ok(()),
                Err(Interrupted::Ended(error)) => return Err(error),
                Err(Interrupted::Database(error)) => {
                    if progress.cursor != first_cursor {
                        failures = 0;
                        backoff.reset();
                    }
                    failures += u32::from(self.database.probe().await.is_ok());
                    if failures >= MAX_FAILURES {
                        return Err(JobError::Impossible(error));
                    }
                    let pause = backoff.wait();
                    warn!(
                        job = progress.run.name,
                        error,
                        ?pause,
                        "job waits for the database"
                    );
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.stop.cancelled() => return Err(progress.release().await),
                    }
                }
                Err(Interrupted::Clock(error)) => {
                    let pause = backoff.wait();
                    warn!(
                        job = progress.run.name,
                        error,
                        ?pause,
                        "job waits for the clocks to agree"
                    );
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.stop.cancelled() => return Err(progress.release().await),
                    }
                }
            }
        }
    }

    /// Processes once what is due at `now`, from the cursor on.
    async fn process(
        &self,
        job: Job,
        now: DateTime<Utc>,
        progress: &mut Progress,
        report: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let date: NaiveDate = progress.run.run_date.parse().unwrap_or_default();
        let work = Work {
            database: self.database.clone(),
            rules: self.rules.clone(),
            client: self.client.clone(),
            answer_timeout: self.answer_timeout,
            stop: self.stop.clone(),
            until: due::until(date, now),
            date: progress.run.run_date.clone(),
        };
        let cursor = progress.cursor.clone();
        match job {
            Job::Grant => {
                let count: Count = |counts, outcome| counts.grant(outcome);
                self.count_all(work.grant(cursor), count, progress, report)
                    .await
            }
            Job::Expire => {
                let count: Count = |counts, outcome| counts.expire(outcome);
                self.count_all(work.expire(cursor), count, progress, report)
                    .await
            }
            Job::Verify => self.verify(now, progress, report).await,
        }
    }

    /// Counts every outcome. The cursor is behind the last item up to which all commands are
    /// answered.
    async fn count_all(
        &self,
        done: impl Stream<Item = Result<Done, ReadError>> + Send,
        count: Count,
        progress: &mut Progress,
        report: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let mut done = pin!(done);
        let mut renewal = renewals();
        // After a stop, commands that were sent are still counted if they are answered in time.
        let mut too_late = pin!(async {
            self.stop.cancelled().await;
            sleep(STOP_GRACE).await;
        });
        loop {
            tokio::select! {
                biased;
                () = &mut too_late => {
                    return Err(Interrupted::Ended(progress.release().await));
                }
                _ = renewal.tick() => progress.renew().await?,
                // Tokio's cooperative budget would reorder commands on their way to the queue.
                next = unconstrained(done.next()) => match next {
                    None if self.stop.is_cancelled() => {
                        return Err(Interrupted::Ended(progress.release().await));
                    }
                    None => return Ok(()),
                    Some(Err(error)) => return Err(Interrupted::Database(chain(&error))),
                    Some(Ok((cursor, outcomes))) => {
                        for outcome in &outcomes {
                            count(&mut progress.counts, outcome.as_ref());
                        }
                        progress.cursor = Some(cursor);
                        report(&progress.counts);
                    }
                },
            }
        }
    }

    async fn verify(
        &self,
        now: DateTime<Utc>,
        progress: &mut Progress,
        report: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let options = verify::Options {
            max_violations: MAX_LOGGED,
            ..verify::Options::default()
        };
        let (sender, mut users_checked) = tokio::sync::watch::channel(0);
        let db = self.database.read_connection();
        let verifying = verify::verify(db, &options, now, move |checked| {
            sender.send_replace(checked.users_checked);
        });
        let mut verifying = pin!(verifying);
        let mut renewal = renewals();
        let checked = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    return Err(Interrupted::Ended(progress.release().await));
                }
                _ = renewal.tick() => progress.renew().await?,
                Ok(()) = users_checked.changed() => {
                    progress.counts.users_checked = *users_checked.borrow_and_update();
                    report(&progress.counts);
                }
                checked = &mut verifying => {
                    break checked.map_err(|error| Interrupted::Database(chain(&error)))?;
                }
            }
        };
        progress.counts.users_checked = checked.users_checked;
        progress.counts.violations = checked.violation_count;
        progress.counts.holds = Some(checked.holds());
        report(&progress.counts);
        for violation in &checked.violations {
            error!(
                alarm = true,
                rule = violation.rule,
                table = violation.table,
                row = violation.id,
                user.id = violation.user_id,
                violation = violation.message,
                "the book does not balance"
            );
        }
        Ok(())
    }
}

type Count = fn(&mut Counts, Option<&producer_sdk::Outcome>);

fn renewals() -> tokio::time::Interval {
    let mut renewal = interval(RENEW_EVERY);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renewal
}
