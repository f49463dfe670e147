//! What the server counts and knows of itself, for metrics and health.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::metrics::histogram::Histogram;

use super::tls::counters::TlsCounters;
use crate::payments::counters::PaymentCounters;

/// Upper bounds of the duration of a request, in seconds.
const BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The queue confirmed it. Its outcome was not waited for, or did not come in time.
    Confirmed,
    /// Its outcome was returned.
    Decided,
}

/// The counters of a server. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct HttpCounters(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// By method and route, and by status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    seconds: Mutex<BTreeMap<&'static str, Histogram>>,
    confirmed: AtomicU64,
    decided: AtomicU64,
    connections: AtomicU64,
    is_connected: AtomicBool,
    payments: PaymentCounters,
    tls: TlsCounters,
}

impl HttpCounters {
    /// Counts commands.
    pub fn count(&self, accepted: Accepted, commands: usize) {
        let counter = match accepted {
            Accepted::Confirmed => &self.0.confirmed,
            Accepted::Decided => &self.0.decided,
        };
        counter.fetch_add(u64::try_from(commands).unwrap_or(u64::MAX), Relaxed);
    }

    /// Counts a request of a route.
    pub fn served(&self, route: &'static str, status: u16, took: Duration) {
        *lock(&self.0.requests).entry((route, status)).or_default() += 1;
        let mut seconds = lock(&self.0.seconds);
        let histogram = seconds
            .entry(route)
            .or_insert_with(|| Histogram::new(BOUNDS));
        histogram.observe(took.as_secs_f64());
    }

    /// Counts a connection that was opened.
    pub fn opened(&self) {
        self.0.connections.fetch_add(1, Relaxed);
    }

    /// Counts a connection that was closed.
    pub fn closed(&self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }

    /// Records that the first connection to the queue was made.
    pub fn connected(&self) {
        self.0.is_connected.store(true, Relaxed);
    }

    /// Whether the first connection to the queue was made.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected.load(Relaxed)
    }

    /// The number of requests, by route and status.
    pub fn requests(&self) -> Vec<(&'static str, u16, u64)> {
        let requests = lock(&self.0.requests);
        let requests = requests.iter();
        requests
            .map(|((route, status), count)| (*route, *status, *count))
            .collect()
    }

    /// The durations of requests, by route.
    pub fn seconds(&self) -> Vec<(&'static str, Histogram)> {
        let seconds = lock(&self.0.seconds);
        let seconds = seconds.iter();
        seconds
            .map(|(route, histogram)| (*route, histogram.clone()))
            .collect()
    }

    /// The number of commands, by what became of them.
    pub fn commands(&self) -> [(&'static str, u64); 2] {
        [
            ("confirmed", self.0.confirmed.load(Relaxed)),
            ("decided", self.0.decided.load(Relaxed)),
        ]
    }

    /// The counters of payment events.
    pub fn payments(&self) -> PaymentCounters {
        self.0.payments.clone()
    }

    /// The counters of TLS.
    pub fn tls(&self) -> TlsCounters {
        self.0.tls.clone()
    }

    /// The number of open connections.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
