//! What time it is: the system's, or what a test says.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use chrono::{DateTime, Utc};

/// What time it is.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

/// Sets a clock that does not go by itself.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until it is set.
    pub fn manual(start: DateTime<Utc>) -> (Self, Hand) {
        let micros = Arc::new(AtomicI64::new(start.timestamp_micros()));
        (Self(Some(micros.clone())), Hand(micros))
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            None => Utc::now(),
            Some(micros) => DateTime::from_timestamp_micros(micros.load(SeqCst)).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
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
