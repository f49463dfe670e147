//! The metrics of TLS.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use chrono::{DateTime, Utc};

/// The result of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    Completed,
    Failed,
    TimedOut,
}

/// The counters of TLS. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct TlsCounters(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    completed: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    /// The end of the certificate in use, in seconds since 1970. 0: there is no certificate.
    end: AtomicI64,
}

impl TlsCounters {
    /// Counts a handshake.
    pub fn count(&self, handshake: Handshake) {
        let counter = match handshake {
            Handshake::Completed => &self.0.completed,
            Handshake::Failed => &self.0.failed,
            Handshake::TimedOut => &self.0.timed_out,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Records that a certificate with this end is in use.
    pub fn uses_until(&self, end: DateTime<Utc>) {
        self.0.end.store(end.timestamp(), Relaxed);
    }

    /// The end of the certificate in use, in seconds since 1970. `None` without TLS.
    pub fn end(&self) -> Option<i64> {
        Some(self.0.end.load(Relaxed)).filter(|end| *end != 0)
    }

    /// The number of handshakes by result. Empty without TLS.
    pub fn handshakes(&self) -> Vec<(&'static str, u64)> {
        if self.end().is_none() {
            return Vec::new();
        }
        vec![
            ("completed", self.0.completed.load(Relaxed)),
            ("failed", self.0.failed.load(Relaxed)),
            ("timed_out", self.0.timed_out.load(Relaxed)),
        ]
    }
}
