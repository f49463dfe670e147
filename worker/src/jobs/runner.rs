//! Claims a run, keeps its lease, and stores its progress and its result.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

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
    repository::{Claim, JobRun},
    work::{Done, Work},
};
use crate::{
    clock::{Clock, ClockError},
    db::{Database, StoreError},
    pipeline::{Backoff, chain},
    read::ReadError,
    verify,
};

/// How often a run renews its lease and stores its progress.
const RENEW_EVERY: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A job is given up after this many failures in a row while the database answers.
const MOST_FAILURES: u32 = 20;
/// How long a stopped run waits for answers to the commands that it has sent.
const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// Largest number of violations in the log. All are counted, and `scrip verify` lists them.
const MOST_LOGGED: usize = 20;

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
    /// Timeout of one answer.
    pub patience: Duration,
    /// Stops the runs in progress.
    pub stop: CancellationToken,
}

/// A run that has finished.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The final counters.
    pub counts: Counts,
}

/// Why a run cannot be claimed now.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The database refused the claim or is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no confirmed time.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was stopped. The next claim of the run resumes it.
    #[error("the run was stopped before it finished; the next claim resumes it")]
    Stopped,
    /// Its lease ran out, and another worker resumed it.
    #[error("another worker has taken over the run")]
    TakenOver,
    /// It failed repeatedly although the database answers, so another attempt would not help.
    #[error("the run fails repeatedly although the database answers: {0}")]
    Impossible(String),
}

/// The progress of a run.
struct State {
    run: JobRun,
    cursor: Option<String>,
    counts: Counts,
    /// Milliseconds that the run took before it was resumed.
    before: u64,
    began: Instant,
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

    /// Runs a claimed run from its cursor. `progress` receives the counters so far.
    pub async fn run(
        &self,
        job: Job,
        run: JobRun,
        mut progress: impl FnMut(&Counts) + Send,
    ) -> Result<Finished, JobError> {
        let (name, date) = (run.name.clone(), run.run_date.clone());
        let counts: Counts = run
            .result
            .as_ref()
            .and_then(|result| serde_json::from_value(result.clone()).ok())
            .unwrap_or_default();
        let mut state = State {
            cursor: run.cursor.clone(),
            before: counts.duration_ms,
            counts,
            began: Instant::now(),
            run,
        };
        let resumed = state.cursor.is_some();
        info!(job = name, date, resumed, "job started");
        let done = self.work(job, &mut state, &mut progress).await;
        state.counts.duration_ms = state.before + millis(state.began.elapsed());
        if let Err(stopped) = done {
            let error = chain(&stopped);
            if let JobError::Impossible(cause) = &stopped {
                error!(alarm = true, job = name, date, error, "job failed");
                state.counts.error = Some(cause.clone());
                self.finish(&state).await?;
            } else {
                warn!(job = name, date, error, "job did not finish");
            }
            return Err(stopped);
        }
        self.finish(&state).await?;
        let result = state.counts.to_json();
        info!(job = name, date, result = %result, "job finished");
        Ok(Finished {
            counts: state.counts,
        })
    }

    async fn work(
        &self,
        job: Job,
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), JobError> {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        let mut failures = 0;
        loop {
            let first_cursor = state.cursor.clone();
            // The time that determines what is due was compared just now.
            let done = match self.clock.compare().await {
                Ok(now) => self.process(job, now, state, progress).await,
                Err(ClockError::Unknown(error)) => Err(Interrupted::Database(chain(&error))),
                Err(error) => Err(Interrupted::Clock(chain(&error))),
            };
            match done {
                Ok(()) => return Ok(()),
                Err(Interrupted::Ended(error)) => return Err(error),
                Err(Interrupted::Database(error)) => {
                    if state.cursor != first_cursor {
                        failures = 0;
                        backoff.reset();
                    }
                    failures += u32::from(self.database.probe().await.is_ok());
                    if failures >= MOST_FAILURES {
                        return Err(JobError::Impossible(error));
                    }
                    let pause = backoff.wait();
                    warn!(
                        job = state.run.name,
                        error,
                        ?pause,
                        "job waits for the database"
                    );
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.stop.cancelled() => return self.release(state).await,
                    }
                }
                Err(Interrupted::Clock(error)) => {
                    let pause = backoff.wait();
                    warn!(
                        job = state.run.name,
                        error,
                        ?pause,
                        "job waits for the clocks to agree"
                    );
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.stop.cancelled() => return self.release(state).await,
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
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let date: NaiveDate = state.run.run_date.parse().unwrap_or_default();
        let work = Work {
            database: self.database.clone(),
            rules: self.rules.clone(),
            client: self.client.clone(),
            answer_timeout: self.patience,
            stop: self.stop.clone(),
            until: due::until(date, now),
            date: state.run.run_date.clone(),
        };
        let cursor = state.cursor.clone();
        match job {
            Job::Grant => {
                let count: Count = |counts, outcome| counts.grant(outcome);
                self.count_all(work.grant(cursor), count, state, progress)
                    .await
            }
            Job::Expire => {
                let count: Count = |counts, outcome| counts.expire(outcome);
                self.count_all(work.expire(cursor), count, state, progress)
                    .await
            }
            Job::Verify => self.verify(now, state, progress).await,
        }
    }

    /// Counts every outcome. The cursor is behind the last item up to which all commands are
    /// answered.
    async fn count_all(
        &self,
        done: impl Stream<Item = Result<Done, ReadError>> + Send,
        count: Count,
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let mut done = pin!(done);
        let mut renewal = renewals();
        // After a stop, commands that were sent are still counted if they are answered in time.
        let mut too_late = pin!(async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWERS).await;
        });
        loop {
            tokio::select! {
                biased;
                () = &mut too_late => {
                    return self.release(state).await.map_err(Interrupted::Ended);
                }
                _ = renewal.tick() => self.renew(state).await?,
                // Tokio's cooperative budget would reorder commands on their way to the queue.
                next = unconstrained(done.next()) => match next {
                    None if self.stop.is_cancelled() => {
                        return self.release(state).await.map_err(Interrupted::Ended);
                    }
                    None => return Ok(()),
                    Some(Err(error)) => return Err(Interrupted::Database(chain(&error))),
                    Some(Ok((cursor, outcomes))) => {
                        for outcome in &outcomes {
                            count(&mut state.counts, outcome.as_ref());
                        }
                        state.cursor = Some(cursor);
                        progress(&state.counts);
                    }
                },
            }
        }
    }

    async fn verify(
        &self,
        now: DateTime<Utc>,
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let options = verify::Options {
            max_violations: MOST_LOGGED,
            ..verify::Options::default()
        };
        let (sender, mut users_checked) = tokio::sync::watch::channel(0);
        let db = self.database.read_connection();
        let verifying = verify::verify(db, &options, now, move |progress| {
            sender.send_replace(progress.users_checked);
        });
        let mut verifying = pin!(verifying);
        let mut renewal = renewals();
        let report = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    return self.release(state).await.map_err(Interrupted::Ended);
                }
                _ = renewal.tick() => self.renew(state).await?,
                Ok(()) = users_checked.changed() => {
                    state.counts.users_checked = *users_checked.borrow_and_update();
                    progress(&state.counts);
                }
                report = &mut verifying => {
                    break report.map_err(|error| Interrupted::Database(chain(&error)))?;
                }
            }
        };
        state.counts.users_checked = report.users_checked;
        state.counts.violations = report.violation_count;
        state.counts.holds = Some(report.holds());
        progress(&state.counts);
        for violation in &report.violations {
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

    async fn renew(&self, state: &mut State) -> Result<(), Interrupted> {
        state.counts.duration_ms = state.before + millis(state.began.elapsed());
        let result = state.counts.to_json();
        let now = match self.clock.confirmed().await {
            Ok(now) => now,
            Err(error) => {
                warn!(error = chain(&error), "job lease not renewed");
                return Ok(());
            }
        };
        let renewed = self
            .database
            .renew_job(&state.run, state.cursor.as_deref(), &result, now);
        match renewed.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Interrupted::Ended(JobError::TakenOver)),
            Err(error) => {
                warn!(error = chain(&error), "job lease not renewed");
                Ok(())
            }
        }
    }

    async fn release(&self, state: &State) -> Result<(), JobError> {
        let result = state.counts.to_json();
        let released = async {
            let now = self.clock.confirmed().await?;
            let released =
                self.database
                    .release_job(&state.run, state.cursor.as_deref(), &result, now);
            Ok::<_, ClaimError>(released.await?)
        };
        if let Err(error) = released.await {
            warn!(
                error = chain(&error),
                "job lease not released, it lasts until it expires"
            );
        }
        Err(JobError::Stopped)
    }

    async fn finish(&self, state: &State) -> Result<(), JobError> {
        let completed = state.counts.holds != Some(false) && state.counts.error.is_none();
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            let result = state.counts.to_json();
            let finished = async {
                let now = self.clock.confirmed().await?;
                let finished = self
                    .database
                    .finish_job(&state.run, completed, &result, now);
                Ok::<_, ClaimError>(finished.await?)
            };
            match finished.await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(JobError::TakenOver),
                Err(error) => {
                    warn!(error = chain(&error), "job result not stored, retrying");
                    tokio::select! {
                        () = sleep(backoff.wait()) => {}
                        () = self.stop.cancelled() => return Err(JobError::Stopped),
                    }
                }
            }
        }
    }
}

type Count = fn(&mut Counts, Option<&producer_sdk::Outcome>);

/// Why processing stopped before the end.
enum Interrupted {
    Ended(JobError),
    Database(String),
    Clock(String),
}

fn renewals() -> tokio::time::Interval {
    let mut renewal = interval(RENEW_EVERY);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renewal
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
