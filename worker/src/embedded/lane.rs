//! Rounds while there is something to do, and waiting while there is not.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DatabaseConnection;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{EmbeddedError, caution::Caution, lease, questions, queue, round_ledger::RoundLedger};
use crate::clock::Clock;
use crate::lane::{Backoff, Condition, LaneStats, Pipeline, StoreQuestions, Trouble, chain};

const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAZIEST_LOOK: Duration = Duration::from_millis(50);
/// A look into the queue whether or not the file has changed.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);
/// Well before the lease is over, by the same clock.
const RENEW_EVERY: TimeDelta = TimeDelta::seconds(1);
const PURGE_EVERY: Duration = Duration::from_mins(1);
/// The clocks are compared this often in any case.
const COMPARED_EVERY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Serves the queue of a file while this worker holds the lease.
#[derive(Debug)]
pub struct Lane {
    /// This worker's name, unlike any other's.
    pub owner: String,
    /// At most this many commands are committed together.
    pub group_max: u16,
    /// What commands go through.
    pub pipeline: Pipeline<RoundLedger>,
    /// What queries are answered by.
    pub questions: StoreQuestions,
    /// What time it is.
    pub clock: Clock,
    /// One connection of its own: `data_version` tells about the others' commits.
    pub watch: DatabaseConnection,
    /// Ends the lane.
    pub stop: CancellationToken,
    /// Told whether the lane is this worker's.
    pub serving: watch::Sender<bool>,
}

impl Lane {
    /// Serves until `stop`. The round that is running then is finished.
    pub async fn run(mut self) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        while !self.stop.is_cancelled() {
            match self.turn().await {
                Ok(()) => backoff.reset(),
                Err(EmbeddedError::LostLease) => {
                    warn!("another worker took the lane; waiting for it to end");
                    self.serving.send_replace(false);
                    self.stats().condition.set(Condition::Starting);
                }
                Err(error) => {
                    let longest = match &error {
                        EmbeddedError::Clock(_) => COMPARED_EVERY,
                        _ => LONGEST_PAUSE,
                    };
                    let pause = backoff.wait().min(longest);
                    self.stats().retried(error.kind());
                    let is_reported = self.stats().condition.get() == Condition::AwaitingClock;
                    self.stats().condition.set(report(&error, pause, is_reported));
                    self.pause(pause).await;
                }
            }
        }
        if *self.serving.borrow() {
            self.serving.send_replace(false);
            if let Err(error) = lease::release(self.store().connection(), &self.owner).await {
                warn!(error = chain(&error), "the lease runs until its end");
            }
        }
    }

    /// Gets the lease, then serves until something gets in the way or the lane ends.
    async fn turn(&mut self) -> Result<(), EmbeddedError> {
        if !*self.serving.borrow() {
            self.wait_for_lease().await?;
        }
        let mut caution = Caution::default();
        let mut purged: Option<Instant> = None;
        let mut renewed = self.clock.confirmed().await?;
        while !self.stop.is_cancelled() {
            self.stats().pulse.turn();
            let seen = queue::version(&self.watch).await?;
            // Groups of commands renew the lease; queries and looking around do not.
            let now = self.clock.confirmed().await?;
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
                caution = caution
                    .serve(&mut self.pipeline, &self.owner, self.group_max, &self.clock)
                    .await?;
                questions::serve(self.pipeline.ledger().store(), &self.questions, &self.clock).await?;
            }
            self.stats().condition.set(Condition::Serving);
            if !is_waiting {
                self.wait_for_change(seen).await?;
            }
        }
        Ok(())
    }

    async fn wait_for_lease(&mut self) -> Result<(), EmbeddedError> {
        let mut told = false;
        while !self.stop.is_cancelled() {
            self.stats().pulse.turn();
            let seen = queue::version(&self.watch).await?;
            let now = self.clock.confirmed().await?;
            if lease::take(self.store().connection(), &self.owner, now).await? {
                info!("serving the queue of the file");
                self.serving.send_replace(true);
                return Ok(());
            }
            self.stats().condition.set(Condition::Standby);
            if !told {
                info!("another worker serves the queue of the file; waiting to take over");
                told = true;
            }
            self.wait_for_change(seen).await?;
        }
        Ok(())
    }

    /// Waits until somebody else committed, or it is time to look in any case.
    async fn wait_for_change(&self, seen: i64) -> Result<(), EmbeddedError> {
        let began = Instant::now();
        let mut look = FIRST_LOOK;
        while began.elapsed() < LOOK_ANYWAY && !self.stop.is_cancelled() {
            self.pause(look).await;
            if queue::version(&self.watch).await? != seen {
                return Ok(());
            }
            look = (look * 2).min(LAZIEST_LOOK);
        }
        Ok(())
    }

    async fn renew(&self, now: DateTime<Utc>) -> Result<(), EmbeddedError> {
        if lease::take(self.store().connection(), &self.owner, now).await? {
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
        self.pipeline.stats()
    }

    fn store(&self) -> &crate::store::Store {
        self.pipeline.ledger().store()
    }
}

/// Logs why the queue cannot be served, and returns the state that the lane is in for that. A clock that is not
/// confirmed is logged once.
fn report(error: &EmbeddedError, pause: Duration, is_clock_reported: bool) -> Condition {
    let (text, code) = (chain(error), error.code());
    match error {
        EmbeddedError::Clock(error) if error.is_wrong_time() => {
            if !is_clock_reported {
                warn!(error = text, "time is not confirmed, nothing is decided");
            }
            Condition::AwaitingClock
        }
        EmbeddedError::Ledger(Trouble::Poison(_)) => {
            error!(
                error = text,
                code,
                ?pause,
                alarm = true,
                "the database refuses one command after the other: it is not the commands; nothing is set aside"
            );
            Condition::Alarmed
        }
        _ => {
            error!(
                error = text,
                code,
                ?pause,
                "the embedded queue cannot be served now"
            );
            Condition::Retrying
        }
    }
}
