//! What time it is: the system's, or what a test says; and whether a second clock confirms it.
//!
//! A clock that is wrong for a few seconds would expire credits and grant periods for good. So a worker decides only by
//! a time that a second clock confirms: the database's on PostgreSQL, the newest entry of the ledger on SQLite. They
//! are compared in the background, and in the foreground before each job and whenever the time of day has moved
//! differently from the monotonic clock. Between two comparisons deciding costs no round trip. A clock that is much
//! later than the newest entry of a file has to be steady for some minutes first.
//!
//! | file | what |
//! |---|---|
//! | `reading` | the clocks of this process, read together |
//! | `check` | the comparison with the second clock, and what follows from it |
//! | `judgement` | by how much the clocks differ, computed from the readings alone |
//! | `error` | why there is no time to decide by |

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

use crate::store::Store;
use check::Check;
pub use check::{ClockLimits, ClockReport};
pub use error::ClockError;

/// What time it is.
#[derive(Clone, Default)]
pub struct Clock {
    time_of_day: TimeOfDay,
    check: Option<Arc<Check>>,
}

/// Where the time of day comes from: the system, or microseconds that a test sets.
#[derive(Clone, Default)]
struct TimeOfDay(Option<Arc<AtomicI64>>);

/// Sets a clock that does not go by itself.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self {
            time_of_day: TimeOfDay(None),
            check: None,
        }
    }

    /// A clock that stands at `start` until it is set.
    pub fn manual(start: DateTime<Utc>) -> (Self, Hand) {
        let micros = Arc::new(AtomicI64::new(start.timestamp_micros()));
        let clock = Self {
            time_of_day: TimeOfDay(Some(micros.clone())),
            check: None,
        };
        (clock, Hand(micros))
    }

    /// The same clock, compared with the second one that `store` has.
    #[must_use]
    pub fn checked(self, store: Store, limits: ClockLimits) -> Self {
        let check = Check::new(self.time_of_day.clone(), store, limits);
        Self {
            check: Some(Arc::new(check)),
            ..self
        }
    }

    /// What time it is, confirmed or not. For leases, logs and displays; nothing is decided by it.
    pub fn now(&self) -> DateTime<Utc> {
        self.time_of_day.now()
    }

    /// The time to decide by. Compares only if the time of day has jumped since the last comparison, or did not agree
    /// then.
    pub async fn confirmed(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.confirmed().await,
            None => Ok(self.now()),
        }
    }

    /// The time to decide by, after a comparison.
    pub async fn compare(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.compare().await,
            None => Ok(self.now()),
        }
    }

    /// The time to start jobs by, after a comparison. On a file whose newest entry is old it is not confirmed before
    /// the clock has been steady for some minutes.
    pub async fn compare_for_jobs(&self) -> Result<DateTime<Utc>, ClockError> {
        match &self.check {
            Some(check) => check.compare_for_jobs().await,
            None => Ok(self.now()),
        }
    }

    /// Compares every second until it is dropped.
    pub fn watch(&self) -> impl Future<Output = ()> + Send + 'static {
        let check = self.check.clone();
        async move {
            if let Some(check) = check {
                check.watch().await;
            }
        }
    }

    /// What the last comparison found; `None` for a clock without a second one.
    pub fn report(&self) -> Option<ClockReport> {
        self.check.as_ref().map(|check| check.report())
    }
}

impl TimeOfDay {
    fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            None => Utc::now(),
            Some(micros) => DateTime::from_timestamp_micros(micros.load(SeqCst)).unwrap_or_default(),
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

impl Hand {
    /// Sets the clock.
    pub fn set(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_micros(), SeqCst);
    }
}
