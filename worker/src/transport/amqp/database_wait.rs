//! Waits for the database before a lane subscribes, and limits how long a lane holds a group that
//! the database does not commit. Each requeue counts towards the delivery limit.

use std::time::Duration;

use ledger::Command;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::options::InboundOptions;
use crate::pipeline::{Backoff, CommitError, LaneState, LaneStats, Ledger, chain};

/// A lane holds a group this many times longer if the database refuses it than if the database is
/// unavailable. With the default of one minute that stays below the broker's limit of 30 minutes.
const REFUSED_LONGER: u32 = 20;
/// Longest time that a lane stays unsubscribed because everything is refused, as a multiple of the
/// hold time above: half a day.
const REFUSED_LONGEST: u32 = 36;

/// How long a lane holds a group before it requeues it. While the database refuses several commands
/// in a row, the only use of a requeue is that the next group contains newer deliveries.
pub fn hold_time(options: &InboundOptions, error: &CommitError) -> Duration {
    match error {
        CommitError::Infrastructure(_) => options.requeue_after,
        CommitError::Poison(_) => options.requeue_after * REFUSED_LONGER,
    }
}

/// Waits for the database on behalf of a lane.
#[derive(Debug)]
pub struct DatabaseWait<'a, L> {
    pub options: &'a InboundOptions,
    pub ledger: &'a L,
    pub stats: &'a LaneStats,
    pub stop: &'a CancellationToken,
}

impl<L: Ledger> DatabaseWait<'_, L> {
    /// Returns when the database answers and would commit `waiting`, or when the lane must stop. A
    /// database that refuses `waiting` may accept newer commands, so the method also returns after
    /// a pause, which grows with the number of `refusals` in a row.
    pub async fn before_subscribing(&self, waiting: &[Command], refusals: u32) {
        let mut backoff = Backoff::new(self.options.retry_limit);
        let (began, pause) = (Instant::now(), self.pause_after(refusals));
        loop {
            self.stats.heartbeat.beat();
            let probed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                probed = self.probe(waiting) => probed,
            };
            let state = match probed {
                Ok(()) => return,
                Err(CommitError::Poison(_)) if began.elapsed() >= pause => return,
                Err(error @ CommitError::Poison(_)) => {
                    report(&error, waiting.len(), began.elapsed());
                    LaneState::Alarmed
                }
                Err(error) => {
                    warn!(
                        error = error.chain(),
                        "not subscribed, database is unavailable"
                    );
                    LaneState::AwaitingDatabase
                }
            };
            self.stats.state.set(state);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.wait()) => {}
                () = self.ledger.available() => {}
            }
        }
    }

    /// How long the lane stays unsubscribed while everything is refused: no time at first, then
    /// longer each time, because the broker dead-letters a message that was requeued 50 times.
    fn pause_after(&self, refusals: u32) -> Duration {
        let Some(doublings) = refusals.checked_sub(2) else {
            return Duration::ZERO;
        };
        let hold = self.options.requeue_after * REFUSED_LONGER;
        hold * REFUSED_LONGEST.min(1 << doublings.min(31))
    }

    /// Checks that the database answers and would commit `waiting`.
    async fn probe(&self, waiting: &[Command]) -> Result<(), CommitError> {
        self.ledger.probe().await?;
        if !waiting.is_empty() {
            let now = self.options.clock.now();
            self.ledger.dry_run(waiting, now).await?;
        }
        Ok(())
    }
}

/// Logs a group that is not committed.
pub fn report(cause: &CommitError, waiting: usize, failing: Duration) {
    let (error, code) = (chain(cause), cause.code());
    let failing_ms = u64::try_from(failing.as_millis()).unwrap_or(u64::MAX);
    match cause {
        CommitError::Infrastructure(_) => {
            warn!(
                error,
                code, waiting, failing_ms, "group commit failed, retrying"
            );
        }
        CommitError::Poison(_) => error!(
            error,
            code,
            waiting,
            failing_ms,
            alarm = true,
            "database refuses several commands in a row, nothing is dead-lettered"
        ),
    }
}
