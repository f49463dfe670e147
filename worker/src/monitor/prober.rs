//! The prober queries database and Redis at regular intervals and stores the results.

use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Health, Lanes, STALE, Watched};
use crate::{
    db::StoreError,
    jobs::JobRun,
    pipeline::ConnectionState,
    read::{self, Reserved},
};

const EVERY: Duration = Duration::from_secs(2);
/// Maximum time of one query.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const JOBS_EVERY: Duration = Duration::from_secs(30);
/// Number of the newest runs to read: several dates of each job.
const JOB_RUNS: u64 = 30;

/// The results of the prober.
#[derive(Debug, Default)]
pub struct Probed {
    /// End of the last round. `None` before the first.
    pub turned: Option<Instant>,
    pub database: DatabaseProbe,
    /// Whether Redis responds. `None` without Redis, and before the first round.
    pub redis: Option<bool>,
    /// Begin of the current period in which database and broker are available. `None` while one is
    /// not.
    pub good_since: Option<Instant>,
    /// The newest runs of jobs.
    pub jobs: Vec<JobRun>,
    /// Held and owed credits. `None` before the first sample, and after a failed one.
    pub reserved: Option<Reserved>,
}

/// The results of the queries to the database.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatabaseProbe {
    /// Time of the last good response.
    pub at: Option<Instant>,
    /// Duration of the last good response.
    pub took: Duration,
    /// Kind of the error of the last query. `None` after a good response.
    pub error: Option<&'static str>,
}

impl DatabaseProbe {
    /// Whether the last query succeeded, and not too long ago.
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

/// Runs until the process ends.
pub async fn probe(health: Health) {
    let Some(watched) = health.0.watched.get() else {
        return;
    };
    let mut rounds = interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jobs_read_at: Option<Instant> = None;
    loop {
        rounds.tick().await;
        let began = Instant::now();
        let error = match timeout(PROBE_TIMEOUT, watched.store.probe()).await {
            Ok(probed) => probed.err().as_ref().map(StoreError::kind),
            Err(_) => Some("timeout"),
        };
        health.probed().database.note(began, error);
        if let Some(redis) = &watched.redis {
            let responds = redis.ping().await;
            health.probed().redis = Some(responds);
        }
        if let Lanes::Embedded(embedded) = &watched.lanes {
            // After an error the old values become stale, and stale values are not reported.
            let _ = timeout(PROBE_TIMEOUT, embedded.read_queue_depth()).await;
        }
        if error.is_none() && jobs_read_at.is_none_or(|at| at.elapsed() >= JOBS_EVERY) {
            if let Ok(Ok(jobs)) = timeout(PROBE_TIMEOUT, watched.store.job_runs(JOB_RUNS)).await {
                health.probed().jobs = jobs;
            }
            let reserved = read::reserved(watched.store.read_connection());
            let reserved = timeout(PROBE_TIMEOUT, reserved).await;
            health.probed().reserved = reserved.ok().and_then(Result::ok);
            jobs_read_at = Some(Instant::now());
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
    let is_good = |link: &ConnectionState| link.connected && link.blocked_since.is_none();
    watched.snapshot().broker.is_none_or(|all| {
        // The others are no part of what a lane waits for.
        is_good(&all.receiving) && is_good(&all.publishing) && answers(&all.receiving)
    })
}

/// Whether the broker has responded recently on a connection that sends requests.
pub fn answers(link: &ConnectionState) -> bool {
    link.connected && link.answered.is_some_and(|at| at.elapsed() < STALE)
}
