//! What a lane is doing, and when it last made a turn.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What a lane is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is not registered yet, or not any more.
    Starting,
    /// It is not registered, because the database is away.
    AwaitingDatabase,
    /// It is not registered, because this machine's clock is wrong.
    AwaitingClock,
    /// It is registered, and nothing was delivered since: another worker is served, or there is nothing to do.
    Standby,
    /// It is registered and was delivered to.
    Serving,
    /// What it holds cannot be committed now.
    Retrying,
    /// The database refuses one command after the other.
    Alarmed,
}

impl Condition {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::AwaitingDatabase,
        Self::AwaitingClock,
        Self::Standby,
        Self::Serving,
        Self::Retrying,
        Self::Alarmed,
    ];

    /// As health and metrics call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::AwaitingDatabase => "awaiting_database",
            Self::AwaitingClock => "awaiting_clock",
            Self::Standby => "standby",
            Self::Serving => "serving",
            Self::Retrying => "retrying",
            Self::Alarmed => "alarmed",
        }
    }
}

/// A condition that others look at.
#[derive(Debug, Default)]
pub struct Shown(AtomicU8);

impl Shown {
    /// Shows another one.
    pub(crate) fn set(&self, condition: Condition) {
        self.0.store(condition as u8, Relaxed);
    }

    /// The one that is shown.
    pub fn get(&self) -> Condition {
        let number = usize::from(self.0.load(Relaxed));
        Condition::ALL.get(number).copied().unwrap_or(Condition::Starting)
    }
}

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When something last made a turn: tells what is stuck from what has nothing to do.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// It is at work, and has made a turn.
    pub(crate) fn turn(&self) {
        let millis = u64::try_from(EPOCH.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.0.store(millis + 1, Relaxed);
    }

    /// It waits for something to do.
    pub(crate) fn rest(&self) {
        self.0.store(0, Relaxed);
    }

    /// For how long it has been at work without a turn; `None` while it waits for something to do.
    pub fn busy_for(&self) -> Option<Duration> {
        let turned = self.0.load(Relaxed).checked_sub(1)?;
        Some(EPOCH.elapsed().saturating_sub(Duration::from_millis(turned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_set() {
        let shown = Shown::default();
        assert_eq!(shown.get(), Condition::Starting);
        for condition in Condition::ALL {
            shown.set(condition);
            assert_eq!(shown.get(), condition);
        }
    }

    #[test]
    fn what_rests_is_not_busy() {
        let pulse = Pulse::default();
        assert_eq!(pulse.busy_for(), None);
        pulse.turn();
        assert!(pulse.busy_for().is_some_and(|busy| busy < Duration::from_mins(1)));
        pulse.rest();
        assert_eq!(pulse.busy_for(), None);
    }
}
