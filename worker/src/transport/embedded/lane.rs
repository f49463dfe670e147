//! Runs rounds while messages wait, and waits otherwise.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    EmbeddedError, lease, quarantine::QuarantineMode, query_handler, queue, round::Rounds,
};
use crate::{
    clock::Clock,
    pipeline::{Backoff, CommitError, LaneState, LaneStats, chain},
    queries::StoreQueryHandler,
    store::Store,
};

const MIN_POLL: Duration = Duration::from_millis(2);
const MAX_POLL: Duration = Duration::from_millis(50);
/// The queue is read at least this often, even if the file has not changed.
const READ_EVERY: Duration = Duration::from_secs(1);
/// Well before the lease expires. Both are measured by the same clock.
const RENEW_EVERY: TimeDelta = TimeDelta::seconds(1);
const PURGE_EVERY: Duration = Duration::from_mins(1);
/// The clocks are compared at least this often.
const COMPARE_EVERY: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Serves the queue of a file while this worker holds the lease.
#[derive(Debug)]
pub struct Lane {
    /// Serves commands.
    pub rounds: Rounds,
    /// Largest number of commands that are committed together.
    pub group_max: u16,
    /// Answers queries.
    pub query_handler: StoreQueryHandler,
    /// A separate connection: `data_version` shows the commits of the others.
    pub watch: DatabaseConnection,
    /// Stops the lane.
    pub stop: CancellationToken,
    /// Whether this worker holds the lane.
    pub serving: watch::Sender<bool>,
}

impl Lane {
    /// Serves until `stop` is cancelled. A round in progress is finished.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(MAX_PAUSE);
        while !self.stop.is_cancelled() {
            match self.serve().await {
                Ok(()) => backoff.reset(),
                Err(EmbeddedError::LostLease) => {
                    warn!("another worker took the lane, waiting for it to end");
                    self.serving.send_replace(false);
                    self.stats().state.set(LaneState::Starting);
                }
                Err(error) => {
                    let limit = match &error {
                        EmbeddedError::Clock(_) => COMPARE_EVERY,
                        _ => MAX_PAUSE,
                    };
                    let pause = backoff.wait().min(limit);
                    self.stats().retried(error.kind());
                    let is_reported = self.stats().state.get() == LaneState::AwaitingClock;
                    self.stats().state.set(report(&error, pause, is_reported));
                    self.pause(pause).await;
                }
            }
        }
        if *self.serving.borrow() {
            self.serving.send_replace(false);
            if let Err(error) = lease::release(self.store().connection(), self.owner()).await {
                warn!(
                    error = chain(&error),
                    "lease not released, it lasts until it expires"
                );
            }
        }
    }

    /// Takes the lease, then serves until an error occurs or the lane stops.
    async fn serve(&mut self) -> Result<(), EmbeddedError> {
        if !*self.serving.borrow() {
            self.wait_for_lease().await?;
        }
        let mut quarantine = QuarantineMode::default();
        let mut purged: Option<Instant> = None;
        let mut renewed = self.clock().confirmed().await?;
        while !self.stop.is_cancelled() {
            self.stats().heartbeat.beat();
            let version = queue::version(&self.watch).await?;
            // A group of commands renews the lease. Queries and an empty queue do not.
            let now = self.clock().confirmed().await?;
            if (now - renewed).abs() >= RENEW_EVERY {
                self.renew(now).await?;
                renewed = now;
            }
            if purged.is_none_or(|at| at.elapsed() >= PURGE_EVERY) {
                queue::purge(self.store().connection(), now).await?;
                purged = Some(Instant::now());
            }
            let is_waiting = queue::is_waiting(&self.watch, now).await?;
            if is_waiting {
                quarantine = quarantine.serve(&mut self.rounds, self.group_max).await?;
                query_handler::serve(self.store(), &self.query_handler, self.clock()).await?;
            }
            self.set_serving();
            if !is_waiting {
                self.wait_for_change(version).await?;
            }
        }
        Ok(())
    }

    /// Reports the end of a failure, such as a full disk.
    fn set_serving(&self) {
        let state = &self.stats().state;
        let has_failed = matches!(
            state.get(),
            LaneState::Retrying | LaneState::Alarmed | LaneState::AwaitingClock
        );
        state.set(LaneState::Serving);
        if has_failed {
            info!("serving resumed");
        }
    }

    async fn wait_for_lease(&mut self) -> Result<(), EmbeddedError> {
        let mut is_logged = false;
        while !self.stop.is_cancelled() {
            self.stats().heartbeat.beat();
            let version = queue::version(&self.watch).await?;
            let now = self.clock().confirmed().await?;
            if lease::take(self.store().connection(), self.owner(), now).await? {
                info!("serving the queue of the file");
                self.serving.send_replace(true);
                return Ok(());
            }
            self.stats().state.set(LaneState::Standby);
            if !is_logged {
                info!("another worker serves the queue of the file, standing by");
                is_logged = true;
            }
            self.wait_for_change(version).await?;
        }
        Ok(())
    }

    /// Waits until another connection commits, or until the queue must be read in any case.
    async fn wait_for_change(&self, version: i64) -> Result<(), EmbeddedError> {
        let began = Instant::now();
        let mut interval = MIN_POLL;
        while began.elapsed() < READ_EVERY && !self.stop.is_cancelled() {
            self.pause(interval).await;
            if queue::version(&self.watch).await? != version {
                return Ok(());
            }
            interval = (interval * 2).min(MAX_POLL);
        }
        Ok(())
    }

    async fn renew(&self, now: DateTime<Utc>) -> Result<(), EmbeddedError> {
        if lease::take(self.store().connection(), self.owner(), now).await? {
            return Ok(());
        }
        Err(EmbeddedError::LostLease)
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }

    fn stats(&self) -> &LaneStats {
        self.rounds.pipeline.stats()
    }

    fn store(&self) -> &Store {
        &self.rounds.store
    }

    fn clock(&self) -> &Clock {
        &self.rounds.clock
    }

    fn owner(&self) -> &str {
        &self.rounds.owner
    }
}

/// Logs why the queue cannot be served and returns the resulting state of the lane. An unconfirmed
/// clock is logged once.
fn report(error: &EmbeddedError, pause: Duration, is_clock_reported: bool) -> LaneState {
    let (text, code) = (chain(error), error.code());
    match error {
        EmbeddedError::Clock(error) if error.is_wrong_time() => {
            if !is_clock_reported {
                warn!(error = text, "time is not confirmed, nothing is decided");
            }
            LaneState::AwaitingClock
        }
        EmbeddedError::Ledger(CommitError::Poison(_)) => {
            error!(
                error = text,
                code,
                ?pause,
                alarm = true,
                "database refuses several commands in a row, nothing is dead-lettered"
            );
            LaneState::Alarmed
        }
        _ => {
            error!(
                error = text,
                code,
                ?pause,
                "embedded queue cannot be served, retrying"
            );
            LaneState::Retrying
        }
    }
}
