//! Claims a run, keeps its lease, records how far it is and what came of it.

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
    work::{Done, Work},
};
use crate::{
    clock::{Clock, ClockError},
    lane::{Backoff, chain},
    read::ReadError,
    store::{Claim, JobRun, Store, StoreError},
    verify,
};

/// How often a run notes how far it is.
const NOTE_EVERY: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// This often in a row a job may fail although the database answers.
const MOST_FAILURES: u32 = 20;
/// For so long a run that is stopped waits for what it has asked.
const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// Offending rows that are named in the log; all are counted, and `scrip verify` names them.
const NAMED: usize = 20;

/// Runs jobs.
#[derive(Clone, Debug)]
pub struct Runner {
    /// The ledger.
    pub store: Store,
    /// The rules by which is told what is due.
    pub rules: Arc<Rules>,
    /// The way to the lanes.
    pub client: Arc<Client>,
    /// What time it is.
    pub clock: Clock,
    /// This worker's name, unlike any other's.
    pub worker: String,
    /// How long one answer is waited for.
    pub patience: Duration,
    /// Ends what is running.
    pub stop: CancellationToken,
}

/// A run that came to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What it counted.
    pub counts: Counts,
}

/// Why a run cannot be claimed now.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The database does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no time to claim it by.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

/// A run that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was stopped; whoever asks next goes on with it.
    #[error("stopped before it was finished; the next one goes on with it")]
    Stopped,
    /// Its lease ran out, and somebody else goes on with it.
    #[error("another worker has taken it over")]
    TakenOver,
    /// It failed again and again although the database answers: trying once more would not help.
    #[error("it cannot be done: {0}")]
    Impossible(String),
}

/// How far a run is.
struct State {
    run: JobRun,
    cursor: Option<String>,
    counts: Counts,
    /// What it had taken before it was resumed.
    before: u64,
    began: Instant,
}

impl Runner {
    /// Claims the run of a job for a date; a finished one only if `again`.
    pub async fn claim(
        &self,
        job: Job,
        date: NaiveDate,
        started_by: &str,
        again: bool,
    ) -> Result<Claim, ClaimError> {
        let now = self.clock.compare().await?;
        let who = (started_by, self.worker.as_str());
        let claim = self.store.claim_job(job.as_str(), date, who, now, again);
        Ok(claim.await?)
    }

    /// Runs what was claimed, from where it was left. `progress` is told what was counted so far.
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
        info!(job = name, date, resumed, "a job runs");
        let done = self.work(job, &mut state, &mut progress).await;
        state.counts.duration_ms = state.before + millis(state.began.elapsed());
        if let Err(stopped) = done {
            let error = chain(&stopped);
            if let JobError::Impossible(cause) = &stopped {
                error!(alarm = true, job = name, date, error, "a job failed");
                state.counts.error = Some(cause.clone());
                self.finish(&state).await?;
            } else {
                warn!(job = name, date, error, "a job did not come to its end");
            }
            return Err(stopped);
        }
        self.finish(&state).await?;
        let result = state.counts.to_json();
        info!(job = name, date, result = %result, "a job is done");
        Ok(Finished { counts: state.counts })
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
            let began_at = state.cursor.clone();
            // What is due is told by a time that was compared just now.
            let went = match self.clock.compare().await {
                Ok(now) => self.pass(job, now, state, progress).await,
                Err(ClockError::Unknown(error)) => Err(Interrupted::ByDatabase(chain(&error))),
                Err(error) => Err(Interrupted::ByClock(chain(&error))),
            };
            match went {
                Ok(()) => return Ok(()),
                Err(Interrupted::For(error)) => return Err(error),
                Err(Interrupted::ByDatabase(error)) => {
                    if state.cursor != began_at {
                        failures = 0;
                        backoff.reset();
                    }
                    failures += u32::from(self.store.probe().await.is_ok());
                    if failures >= MOST_FAILURES {
                        return Err(JobError::Impossible(error));
                    }
                    let pause = backoff.wait();
                    warn!(
                        job = state.run.name,
                        error,
                        ?pause,
                        "a job waits for the database"
                    );
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.stop.cancelled() => return self.release(state).await,
                    }
                }
                Err(Interrupted::ByClock(error)) => {
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

    /// Goes once through what is due at `now`, from the cursor on.
    async fn pass(
        &self,
        job: Job,
        now: DateTime<Utc>,
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let date: NaiveDate = state.run.run_date.parse().unwrap_or_default();
        let work = Work {
            store: self.store.clone(),
            rules: self.rules.clone(),
            client: self.client.clone(),
            patience: self.patience,
            stop: self.stop.clone(),
            until: due::until(date, now),
            date: state.run.run_date.clone(),
        };
        let cursor = state.cursor.clone();
        match job {
            Job::Grant => {
                let count: Count = |counts, outcome| counts.grant(outcome);
                self.through(work.grant(cursor), count, state, progress).await
            }
            Job::Expire => {
                let count: Count = |counts, outcome| counts.expire(outcome);
                self.through(work.expire(cursor), count, state, progress).await
            }
            Job::Verify => self.verify(now, state, progress).await,
        }
    }

    /// Goes through all that is due. The cursor is behind the last thing before which everything was answered.
    async fn through(
        &self,
        done: impl Stream<Item = Result<Done, ReadError>> + Send,
        count: Count,
        state: &mut State,
        progress: &mut (impl FnMut(&Counts) + Send),
    ) -> Result<(), Interrupted> {
        let mut done = pin!(done);
        let mut note = notes();
        // When it is stopped, what was asked is still counted, if it is answered in time.
        let mut too_late = pin!(async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWERS).await;
        });
        loop {
            tokio::select! {
                biased;
                () = &mut too_late => return self.release(state).await.map_err(Interrupted::For),
                _ = note.tick() => self.renew(state).await?,
                // Tokio's budget would have commands overtake each other on their way to the queue.
                next = unconstrained(done.next()) => match next {
                    None if self.stop.is_cancelled() => {
                        return self.release(state).await.map_err(Interrupted::For);
                    }
                    None => return Ok(()),
                    Some(Err(error)) => return Err(Interrupted::ByDatabase(chain(&error))),
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
            max_violations: NAMED,
            ..verify::Options::default()
        };
        let (told, mut so_far) = tokio::sync::watch::channel(0);
        let db = self.store.read_connection();
        let verifying = verify::verify(db, &options, now, move |progress| {
            told.send_replace(progress.users_checked);
        });
        let mut verifying = pin!(verifying);
        let mut note = notes();
        let report = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    return self.release(state).await.map_err(Interrupted::For);
                }
                _ = note.tick() => self.renew(state).await?,
                Ok(()) = so_far.changed() => {
                    state.counts.users_checked = *so_far.borrow_and_update();
                    progress(&state.counts);
                }
                report = &mut verifying => {
                    break report.map_err(|error| Interrupted::ByDatabase(chain(&error)))?;
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
                what = violation.message,
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
                warn!(error = chain(&error), "the lease of a job could not be renewed");
                return Ok(());
            }
        };
        let renewed = self
            .store
            .renew_job(&state.run, state.cursor.as_deref(), &result, now);
        match renewed.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Interrupted::For(JobError::TakenOver)),
            Err(error) => {
                warn!(error = chain(&error), "the lease of a job could not be renewed");
                Ok(())
            }
        }
    }

    async fn release(&self, state: &State) -> Result<(), JobError> {
        let result = state.counts.to_json();
        let released = async {
            let now = self.clock.confirmed().await?;
            let released = self
                .store
                .release_job(&state.run, state.cursor.as_deref(), &result, now);
            Ok::<_, ClaimError>(released.await?)
        };
        if let Err(error) = released.await {
            warn!(error = chain(&error), "the lease of a job runs until its end");
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
                let finished = self.store.finish_job(&state.run, completed, &result, now);
                Ok::<_, ClaimError>(finished.await?)
            };
            match finished.await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(JobError::TakenOver),
                Err(error) => {
                    warn!(error = chain(&error), "the end of a job could not be recorded");
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

/// Why a pass ended early.
enum Interrupted {
    For(JobError),
    ByDatabase(String),
    ByClock(String),
}

fn notes() -> tokio::time::Interval {
    let mut note = interval(NOTE_EVERY);
    note.set_missed_tick_behavior(MissedTickBehavior::Delay);
    note
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
