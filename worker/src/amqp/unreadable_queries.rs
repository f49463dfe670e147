//! Counts queries with unreadable properties, and reports their senders.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use lapin::{BasicProperties, types::ShortString};
use tracing::warn;

use super::reported_senders::{MOST_SENDERS, ReportedSenders, shortened};

/// Queries that were acknowledged without an answer because their properties cannot be read.
#[derive(Debug, Default)]
pub struct UnreadableQueries {
    count: AtomicU64,
    reported: Mutex<ReportedSenders>,
}

impl UnreadableQueries {
    /// Counts a query and reports its sender once. `why` says what was wrong. Of the properties only the sender is left, and
    /// only if it set `user_id`; senders that did not are one.
    pub fn add(&self, properties: &BasicProperties, why: &str) {
        self.count.fetch_add(1, Relaxed);
        let sender = properties.user_id().as_ref().map(ShortString::as_str);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_new, is_last) = reported.note(&sender);
        drop(reported);
        if is_new {
            warn!(
                sender = sender.map(shortened),
                error = why,
                "query with unreadable properties acknowledged without an answer"
            );
        }
        if is_last {
            warn!(
                senders = MOST_SENDERS,
                "further senders of queries with unreadable properties are counted only, for an hour"
            );
        }
    }

    /// How many there were.
    pub fn read(&self) -> u64 {
        self.count.load(Relaxed)
    }
}
