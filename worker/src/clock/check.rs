//! Compares the time of day with the second clock and acts on the difference.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use super::{
    ClockError, TimeOfDay,
    judgement::{FileClock, Unconfirmed, difference_from},
    reading::{Reading, delta},
};
use crate::{db::Database, read};

/// How often the clocks are compared in the background.
const EVERY: Duration = Duration::from_secs(1);
/// Largest jump of the time of day against the monotonic clock for which the last comparison still
/// confirms the time of day.
const JUMP: TimeDelta = TimeDelta::seconds(1);

/// The largest differences that are allowed between the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLimits {
    /// Beyond this difference the worker logs a warning.
    pub warn: Duration,
    /// Beyond this difference the worker decides nothing.
    pub stop: Duration,
}

/// The result of the last comparison.
#[derive(Clone, Copy, Debug)]
pub struct ClockReport {
    /// This machine's clock minus the second clock; `None` before the first comparison.
    pub difference: Option<TimeDelta>,
    /// When the clocks were compared; `None` before the first comparison.
    pub compared: Option<Instant>,
    /// Whether the clocks differ by more than `limits.stop`.
    pub is_stopped: bool,
    pub limits: ClockLimits,
}

/// The time of day, confirmed by a second clock.
pub struct Check {
    time_of_day: TimeOfDay,
    database: Database,
    limits: ClockLimits,
    /// The name of the second clock in logs and errors.
    second: &'static str,
    state: Mutex<State>,
    /// Held during a comparison, so that only one runs at a time.
    comparing: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct State {
    compared: Option<Comparison>,
    level: Level,
    /// Used on SQLite only.
    file: FileClock,
}

#[derive(Clone, Copy, Debug)]
struct Comparison {
    reading: Reading,
    difference: TimeDelta,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Level {
    #[default]
    Agrees,
    Warns,
    Stops,
}

impl Check {
    pub fn new(time_of_day: TimeOfDay, database: Database, limits: ClockLimits) -> Self {
        let second = if database.has_clock() {
            "the database's clock"
        } else {
            "the ledger's newest entry and the monotonic clock allow"
        };
        Self {
            time_of_day,
            database,
            limits,
            second,
            state: Mutex::default(),
            comparing: AsyncMutex::default(),
        }
    }

    /// The time of day. Compares the clocks first, unless the last comparison confirms the time.
    pub async fn confirmed(&self) -> Result<DateTime<Utc>, ClockError> {
        let reading = Reading::take(&self.time_of_day);
        if self.confirms(&reading) {
            return Ok(reading.time_of_day);
        }
        let _one = self.comparing.lock().await;
        // Another lane may have compared the clocks in the meantime.
        let reading = Reading::take(&self.time_of_day);
        if self.confirms(&reading) {
            return Ok(reading.time_of_day);
        }
        self.compare_locked().await
    }

    /// Compares the clocks and returns the time of day.
    pub async fn compare(&self) -> Result<DateTime<Utc>, ClockError> {
        let _one = self.comparing.lock().await;
        self.compare_locked().await
    }

    /// Like [`Self::compare`], but fails while jobs must wait for a steady clock: a file does not
    /// confirm a clock that is later than its newest entry.
    pub async fn compare_for_jobs(&self) -> Result<DateTime<Utc>, ClockError> {
        let now = self.compare().await?;
        match self.state().file.jobs_wait(Instant::now()) {
            Some(wait) => Err(unsteady(wait)),
            None => Ok(now),
        }
    }

    /// Compares the clocks every second.
    pub async fn watch(&self) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            // A difference is logged already. An unavailable database is reported by its other
            // users.
            let _ = self.compare().await;
        }
    }

    /// The result of the last comparison.
    pub fn report(&self) -> ClockReport {
        let state = self.state();
        ClockReport {
            difference: state.compared.map(|compared| compared.difference),
            compared: state.compared.map(|compared| compared.reading.monotonic),
            is_stopped: state.level == Level::Stops,
            limits: self.limits,
        }
    }

    fn confirms(&self, reading: &Reading) -> bool {
        let state = self.state();
        let jump = state
            .compared
            .map(|compared| reading.jump_since(&compared.reading));
        state.level != Level::Stops
            && jump.is_some_and(|jump| jump.abs() <= JUMP)
            && state.file.commands_wait(reading.monotonic).is_none()
    }

    async fn compare_locked(&self) -> Result<DateTime<Utc>, ClockError> {
        let began = Instant::now();
        let second = read::time(&self.database)
            .await
            .map_err(ClockError::Unknown)?;
        let reading = Reading::take(&self.time_of_day);
        let took = reading.monotonic.saturating_duration_since(began);
        self.judge(reading, second, took)
    }

    /// Records a comparison: `second` was read within `took` before `reading`.
    fn judge(
        &self,
        reading: Reading,
        second: Option<DateTime<Utc>>,
        took: Duration,
    ) -> Result<DateTime<Utc>, ClockError> {
        let limit = delta(self.limits.stop);
        let mut state = self.state();
        let difference = match second {
            Some(second) if self.database.has_clock() => {
                difference_from(second, reading.time_of_day, took)
            }
            newest => state.file.difference(&reading.with_uptime(), newest, limit),
        };
        state.compared = Some(Comparison {
            reading,
            difference,
        });
        let level = if difference.abs() > limit {
            Level::Stops
        } else if difference.abs() > delta(self.limits.warn) {
            Level::Warns
        } else {
            Level::Agrees
        };
        let before = std::mem::replace(&mut state.level, level);
        let wait = state.file.commands_wait(reading.monotonic);
        drop(state);
        if level != before {
            self.log_change(level, before, difference);
        }
        if level == Level::Stops {
            return Err(ClockError::Differs {
                difference,
                limit: self.limits.stop,
                second: self.second,
            });
        }
        if let Some(wait) = wait {
            return Err(unsteady(wait));
        }
        Ok(reading.time_of_day)
    }

    fn log_change(&self, level: Level, before: Level, difference: TimeDelta) {
        let difference_ms = difference.num_milliseconds();
        let (warn, stop) = (self.limits.warn, self.limits.stop);
        if level == Level::Stops {
            error!(
                alarm = true,
                difference_ms,
                limit = ?stop,
                second = self.second,
                "clocks differ too much, nothing is decided"
            );
            return;
        }
        if before == Level::Stops {
            info!(difference_ms, "clocks agree again");
        }
        if level == Level::Warns {
            warn!(difference_ms, limit = ?warn, second = self.second, "clocks differ");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsteady((unconfirmed, left): (Unconfirmed, Duration)) -> ClockError {
    ClockError::Unsteady {
        ahead: unconfirmed.ahead,
        left,
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("limits", &self.limits)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
