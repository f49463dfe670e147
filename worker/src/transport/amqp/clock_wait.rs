//! Waits for a confirmed time, as a lane waits for the database: nothing is settled meanwhile.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{interruption::Interruption, options::InboundOptions};
use crate::{
    clock::ClockError,
    pipeline::{Backoff, LaneState, LaneStats, chain},
};

/// The clocks are compared at least this often.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Waits for a confirmed time on behalf of a lane.
#[derive(Clone, Copy, Debug)]
pub struct ClockWait<'a> {
    pub options: &'a InboundOptions,
    pub stats: &'a LaneStats,
    pub stop: &'a CancellationToken,
}

impl ClockWait<'_> {
    /// The time to decide by. After `requeue_after` without a confirmed time the lane requeues its
    /// deliveries: the clock of another worker may be right.
    pub async fn before_deciding(self, waiting: usize) -> Result<DateTime<Utc>, Interruption> {
        let mut waits: Option<(Instant, Backoff)> = None;
        loop {
            let error = match self.options.clock.confirmed().await {
                Ok(now) if waits.is_none() => return Ok(now),
                Ok(now) => {
                    self.stats.state.set(LaneState::Serving);
                    info!("time is confirmed again");
                    return Ok(now);
                }
                Err(error) => error,
            };
            let (since, backoff) =
                waits.get_or_insert_with(|| (Instant::now(), Backoff::new(MAX_PAUSE)));
            let since = since.elapsed();
            self.stats.heartbeat.beat();
            self.stats.retried(error.kind());
            self.stats.state.set(LaneState::Retrying);
            report(&error, waiting, since);
            if since >= self.options.requeue_after {
                self.stats.requeued();
                return Err(Interruption::Clock);
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(Interruption::Drained),
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// Returns when the clock is not known to be wrong, or when the lane must stop. An earlier
    /// subscription would be useless: each requeue counts towards the delivery limit.
    pub async fn before_subscribing(self) {
        let mut backoff = Backoff::new(MAX_PAUSE);
        while !self.stop.is_cancelled() {
            self.stats.heartbeat.beat();
            let confirmed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                confirmed = self.options.clock.confirmed() => confirmed,
            };
            let error = match confirmed {
                Err(error) if error.is_wrong_time() => error,
                // If the database does not answer, the next group reports it.
                Ok(_) | Err(_) => return,
            };
            self.stats.state.set(LaneState::AwaitingClock);
            warn!(
                error = chain(&error),
                "not subscribed, time is not confirmed"
            );
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.wait()) => {}
            }
        }
    }
}

fn report(error: &ClockError, waiting: usize, failing: Duration) {
    let failing_ms = u64::try_from(failing.as_millis()).unwrap_or(u64::MAX);
    warn!(
        error = chain(error),
        code = error.code(),
        waiting,
        failing_ms,
        "time is not confirmed, nothing is decided"
    );
}
