//! The state of a lane, and its heartbeat.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use strum::{IntoStaticStr, VariantArray};

/// The state of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LaneState {
    /// The lane is not registered yet, or not any more.
    Starting,
    /// The lane is not registered, because the database is unavailable.
    AwaitingDatabase,
    /// The lane is not registered, because this machine's clock is wrong.
    AwaitingClock,
    /// The lane is registered and has received nothing since: another worker is served, or the
    /// queue is empty.
    Standby,
    /// The lane is registered and has received deliveries.
    Serving,
    /// The group in hand cannot be committed now.
    Retrying,
    /// The database refuses several commands in a row.
    Alarmed,
}

impl LaneState {
    /// The name in health checks and metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The state of a lane, readable by other tasks.
#[derive(Debug, Default)]
pub struct AtomicLaneState(AtomicU8);

impl AtomicLaneState {
    /// Changes the state.
    pub(crate) fn set(&self, state: LaneState) {
        self.0.store(state as u8, Relaxed);
    }

    /// The current state.
    pub fn get(&self) -> LaneState {
        let number = usize::from(self.0.load(Relaxed));
        LaneState::VARIANTS
            .get(number)
            .copied()
            .unwrap_or(LaneState::Starting)
    }
}

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The last iteration of a loop. It distinguishes a loop that is stuck from one that is idle.
#[derive(Debug, Default)]
pub struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// Records an iteration: the loop is busy.
    pub(crate) fn beat(&self) {
        let millis = u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.0.store(millis + 1, Relaxed);
    }

    /// Records that the loop is idle.
    pub(crate) fn idle(&self) {
        self.0.store(0, Relaxed);
    }

    /// Time since the last iteration; `None` while the loop is idle.
    pub fn busy_for(&self) -> Option<Duration> {
        let last = self.0.load(Relaxed).checked_sub(1)?;
        Some(EPOCH.elapsed().saturating_sub(Duration::from_millis(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_that_was_set_is_returned() {
        let current = AtomicLaneState::default();
        assert_eq!(current.get(), LaneState::Starting);
        for &state in LaneState::VARIANTS {
            current.set(state);
            assert_eq!(current.get(), state);
        }
    }

    #[test]
    fn an_idle_loop_is_not_busy() {
        let heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.busy_for(), None);
        heartbeat.beat();
        assert!(
            heartbeat
                .busy_for()
                .is_some_and(|busy| busy < Duration::from_mins(1))
        );
        heartbeat.idle();
        assert_eq!(heartbeat.busy_for(), None);
    }
}
