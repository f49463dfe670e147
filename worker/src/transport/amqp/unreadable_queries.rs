//! Counts queries with unreadable properties, and logs their senders.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use lapin::{BasicProperties, types::ShortString};
use tracing::warn;

use super::reported_senders::{MAX_SENDERS, ReportedSenders, shortened};

/// The queries that were acknowledged without an answer because their properties cannot be read.
#[derive(Debug, Default)]
pub struct UnreadableQueries {
    count: AtomicU64,
    reported: Mutex<ReportedSenders>,
}

impl UnreadableQueries {
    /// Counts a query and logs its sender once. `cause` says what is unreadable. Of the properties
    /// only `user_id` is left. Senders that did not set it count as one sender.
    pub fn add(&self, properties: &BasicProperties, cause: &str) {
        self.count.fetch_add(1, Relaxed);
        let sender = properties.user_id().as_ref().map(ShortString::as_str);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_new, is_last) = reported.note(&sender);
        drop(reported);
        if is_new {
            warn!(
                sender = sender.map(shortened),
                error = cause,
                "query with unreadable properties acknowledged without an answer"
            );
        }
        if is_last {
            warn!(
                senders = MAX_SENDERS,
                "too many senders of unreadable queries, not logging more for an hour"
            );
        }
    }

    /// Number of such queries.
    pub fn read(&self) -> u64 {
        self.count.load(Relaxed)
    }
}
