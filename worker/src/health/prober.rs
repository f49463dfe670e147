//! Asks database and Redis again and again, and notes what they say.

use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Health, Lanes, STALE, Watched};
use crate::{
    lane::Link,
    store::{JobRun, StoreError},
};

const EVERY: Duration = Duration::from_secs(2);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
const JOBS_EVERY: Duration = Duration::from_secs(30);
/// Newest runs that are looked at: several dates of each job.
const JOB_RUNS: u64 = 30;

/// What was found out.
#[derive(Debug, Default)]
pub struct Probed {
    /// When the prober last came round.
    pub turned: Option<Instant>,
    /// What the database said.
    pub database: Answers,
    /// Whether Redis answers, where there is one.
    pub redis: Option<bool>,
    /// Since when everything that lanes wait for has answered.
    pub good_since: Option<Instant>,
    /// The newest runs of jobs.
    pub jobs: Vec<JobRun>,
}

/// What somebody answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    /// The last good answer.
    pub at: Option<Instant>,
    /// How long it took.
    pub took: Duration,
    /// What was wrong with the last one, if something was.
    pub error: Option<&'static str>,
}

impl Answers {
    /// Whether it answers as it should.
    pub fn is_good(&self) -> bool {
        self.error.is_none() && self.at.is_some_and(|at| at.elapsed() < STALE)
    }

    fn note(&mut self, began: Instant, error: Option<&'static str>) {
        self.error = error;
        if error.is_none() {
            self.at = Some(Instant::now());
            self.took = began.elapsed();
        }
    }
}

impl Health {
    pub(super) fn probed(&self) -> MutexGuard<'_, Probed> {
        self.0.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on for as long as the process.
pub async fn probe(health: Health) {
    let Some(watched) = health.0.watched.get() else {
        return;
    };
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked_for_jobs: Option<Instant> = None;
    loop {
        rounds.tick().await;
        let began = Instant::now();
        let error = match timeout(PATIENCE, watched.store.probe()).await {
            Ok(answer) => answer.err().as_ref().map(StoreError::kind),
            Err(_) => Some("timeout"),
        };
        health.probed().database.note(began, error);
        if let Some(redis) = &watched.redis {
            let answers = redis.ping().await;
            health.probed().redis = Some(answers);
        }
        if let Lanes::Embedded(embedded) = &watched.lanes {
            // What is not known any more is not told.
            let _ = timeout(PATIENCE, embedded.look()).await;
        }
        if error.is_none() && looked_for_jobs.is_none_or(|at| at.elapsed() >= JOBS_EVERY) {
            if let Ok(Ok(jobs)) = timeout(PATIENCE, watched.store.job_runs(JOB_RUNS)).await {
                health.probed().jobs = jobs;
            }
            looked_for_jobs = Some(Instant::now());
        }
        let broker_is_good = broker_is_good(watched);
        let mut probed = health.probed();
        if !(broker_is_good && probed.database.is_good()) {
            probed.good_since = None;
        } else if probed.good_since.is_none() {
            probed.good_since = Some(Instant::now());
        }
        probed.turned = Some(Instant::now());
    }
}

fn broker_is_good(watched: &Watched) -> bool {
    let is_good = |link: &Link| link.connected && link.blocked_since.is_none();
    watched
        .see()
        .broker
        .is_none_or(|all| all.named().into_iter().all(|(_, link)| is_good(link)) && answers(&all.receiving))
}

/// Whether the broker has answered lately on a connection that somebody asks on.
pub fn answers(link: &Link) -> bool {
    link.connected && link.answered.is_some_and(|at| at.elapsed() < STALE)
}
