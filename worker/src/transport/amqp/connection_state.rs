//! The state of connections and queues, for health checks and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use lapin::Connection;
use tokio::time::interval;

use super::{
    answer_budget::AnswerBudget, rejections::Rejections, reported_failures::ReportedFailures,
    unreadable_queries::UnreadableQueries,
};
use crate::{
    pipeline::{ConnectionState, Connections, LaneStats, QueueDepth, Queues},
    senders::SenderPolicy,
};

/// How often an open connection is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The current state of connections and queues.
#[derive(Debug)]
pub struct ConnectionStates {
    /// Receives commands.
    pub receiving: SharedState,
    /// Receives queries.
    pub queries: SharedState,
    /// Publishes dead letters and delayed messages.
    pub publishing: SharedState,
    /// Publishes replies.
    pub replies: SharedState,
    /// Receives job requests.
    pub jobs: Arc<SharedState>,
    /// The counters of the query lane.
    pub query_stats: Arc<LaneStats>,
    /// Counts queries with unreadable properties.
    pub unreadable_queries: UnreadableQueries,
    /// Limits the answer bytes of each sender.
    pub budget: AnswerBudget,
    /// Decides whether rejected messages are kept.
    pub rejections: Rejections,
    /// Number of lanes that should be registered.
    pub expected: AtomicUsize,
    /// Failures of the connection that receives commands.
    pub receiving_failures: ReportedFailures,
    /// Failures of the other connections.
    pub other_failures: ReportedFailures,
    queues: Mutex<Option<Queues>>,
}

impl ConnectionStates {
    /// The initial state: nothing is connected.
    pub fn new(senders: &SenderPolicy) -> Self {
        Self {
            receiving: SharedState::default(),
            queries: SharedState::default(),
            publishing: SharedState::default(),
            replies: SharedState::default(),
            jobs: Arc::default(),
            query_stats: Arc::default(),
            unreadable_queries: UnreadableQueries::default(),
            budget: AnswerBudget::new(senders.answer_bytes_per_second),
            rejections: Rejections::default(),
            expected: AtomicUsize::default(),
            receiving_failures: ReportedFailures::default(),
            other_failures: ReportedFailures::default(),
            queues: Mutex::default(),
        }
    }

    /// Stores the depth of the queues, and that the broker has answered.
    pub fn set_queues(&self, by_name: BTreeMap<String, QueueDepth>) {
        let at = Instant::now();
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queues { at, by_name });
        self.receiving.lock().answered = Some(at);
    }

    /// The state of every connection.
    pub fn connections(&self) -> Connections {
        Connections {
            receiving: self.receiving.lock().clone(),
            queries: self.queries.lock().clone(),
            publishing: self.publishing.lock().clone(),
            replies: self.replies.lock().clone(),
            jobs: self.jobs.lock().clone(),
        }
    }

    /// The depth of the queues; `None` before they are read for the first time.
    pub fn queues(&self) -> Option<Queues> {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The state of a connection, readable by other tasks.
#[derive(Debug, Default)]
pub struct SharedState(Mutex<ConnectionState>);

impl SharedState {
    /// The connection is open.
    pub fn up(&self) {
        let mut state = self.lock();
        state.connected = true;
        state.answered = Some(Instant::now());
        state.error = None;
    }

    /// The broker answered a request.
    pub fn answered(&self) {
        self.lock().answered = Some(Instant::now());
    }

    /// The connection is of no use, or of limited use, because of this error.
    pub fn limited_by(&self, error: String) {
        self.lock().error = Some(error);
    }

    /// The connection was closed normally.
    pub fn down(&self) {
        let mut state = self.lock();
        state.blocked_before = state.blocked();
        state.blocked_since = None;
        state.connected = false;
    }

    /// The connection was lost or could not be opened, with this error.
    pub fn lost(&self, error: String) {
        self.down();
        let mut state = self.lock();
        state.lost += 1;
        state.error = Some(error);
    }

    fn set_blocked(&self, blocked: bool) {
        let mut state = self.lock();
        if blocked {
            state.blocked_since.get_or_insert_with(Instant::now);
        } else {
            state.blocked_before = state.blocked();
            state.blocked_since = None;
        }
    }

    /// Records whether the broker blocks the connection, until the connection is lost. While
    /// nothing is published, nothing else detects the loss.
    pub async fn watch(&self, connection: &Connection) {
        let mut check = interval(CHECK_EVERY);
        while connection.status().connected() {
            self.set_blocked(connection.status().blocked());
            check.tick().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocked_time_of_a_connection_is_kept_when_it_is_lost() {
        let shared = SharedState::default();
        shared.up();
        shared.set_blocked(true);
        let since = shared.lock().blocked_since;
        shared.set_blocked(true);
        assert_eq!(shared.lock().blocked_since, since);
        std::thread::sleep(Duration::from_millis(2));
        shared.lost("reset".to_owned());
        let state = shared.lock().clone();
        assert_eq!(state.error.as_deref(), Some("reset"));
        assert!(!state.connected && state.blocked_since.is_none() && state.lost == 1);
        assert!(state.blocked() >= Duration::from_millis(2));
        assert_eq!(state.blocked(), state.blocked_before);
    }
}
