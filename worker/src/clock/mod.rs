//! The time of day: from the system or set by a test, and confirmed by a second clock.
//!
//! A clock that is wrong for a few seconds would expire credits and grant periods irreversibly. So
//! a worker decides only by a time that a second clock confirms: the clock of the database on
//! PostgreSQL, the newest entry of the ledger on SQLite. The clocks are compared in the background,
//! before each job, and whenever the time of day has moved differently from the monotonic clock. A
//! decision between two comparisons costs no round trip. A clock that is much later than the newest
//! entry of a file must first be steady for some minutes.
//!
//! | file | content |
//! |---|---|
//! | `reading` | the clocks of this process, read together |
//! | `check` | compares the time of day with the second clock and acts on the difference |
//! | `judgement` | computes the difference from the readings alone |
//! | `error` | why there is no confirmed time |

mod check;
mod error;
mod judgement;
mod reading;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use chrono::{DateTime, Utc};

use crate::db::Database;
use check::Check;
pub use check::{ClockLimits, ClockReport};
pub use error::ClockError;

/// The clock of a worker.
#[derive(Clone, Default)]
pub struct Clock {
    time_of_day: TimeOfDay,
    check: Option<Arc<Check>>,
}

/// The source of the time of day: `None` for the system, otherwise microseconds that a test sets.
#[derive(Clone, Default)]
struct TimeOfDay(Option<Arc<AtomicI64>>);

/// Sets a manual clock.
#[derive(Clone, Debug)]
pub struct ClockHandle(Arc<AtomicI64>);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self {
            time_of_day: TimeOfDay(None),
            check: None,
        }
    }

    /// A clock that shows `start` until it is set.
    pub fn manual(start: DateTime<Utc>) -> (Self, ClockHandle) {
        let micros = Arc::new(AtomicI64::new(start.timestamp_micros()));
        let clock = Self {
            time_of_day: TimeOfDay(Some(micros.clone())),
            check: None,
        };
        (clock, ClockHandle(micros))
    }

    /// Adds the second clock, which belongs to the database.
    #[must_use]
    pub fn checked(self, database: Database, limits: ClockLimits) -> Self {
        let check = Check::new(self.time_of_day.clone(), database, limits);
        Self {
            check: Some(Arc::new(check)),
            ..self
        }
    }

    /// The time of day, confirmed or not. It is for leases, logs and displays; nothing is decided
    /// by it.
    pub fn now(&self) -> DateTime<Utc> {
        self.time_of_day.now()
    }

    /// The time to decide by. Compares the clocks only if they disagreed in the last comparison or
    /// the time of day has jumped since then.
    pub async fn confirmed(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.confirmed().await,
            None => Ok(self.now()),
        }
    }

    /// Compares the clocks and returns the time to decide by.
    pub async fn compare(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.compare().await,
            None => Ok(self.now()),
        }
    }

    /// Compares the clocks and returns the time to start jobs by. On a file whose newest entry is
    /// old, it fails until the clock has been steady for some minutes.
    pub async fn compare_for_jobs(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.compare_for_jobs().await,
            None => Ok(self.now()),
        }
    }

    /// Compares the clocks every second until the future is dropped.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + 'static {
        let check = self.check.clone();
        async move {
            if let Some(check) = check {
                check.watch().await;
            }
        }
    }

    /// The result of the last comparison; `None` for a clock without a second clock.
    pub fn report(&self) -> Option<ClockReport> {
        self.check.as_ref().map(|check| check.report())
    }
}

impl TimeOfDay {
    fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            None => Utc::now(),
            Some(micros) => {
                DateTime::from_timestamp_micros(micros.load(SeqCst)).unwrap_or_default()
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.time_of_day.0 {
            None => f.write_str("Clock(system)"),
            Some(_) => write!(f, "Clock({})", self.now()),
        }
    }
}

impl ClockHandle {
    /// Sets the clock.
    pub fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_micros(), SeqCst);
    }
}
