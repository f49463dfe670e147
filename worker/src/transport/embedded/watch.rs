//! The state of the embedded worker for health checks and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::task::AbortHandle;

use super::{EmbeddedError, queue};
use crate::{
    pipeline::{LaneSnapshot, LaneState, LaneStats, QueueDepth, Queues, WorkerSnapshot},
    store::Store,
};

/// Reads the state of the embedded worker without keeping it alive.
#[derive(Clone, Debug)]
pub struct EmbeddedWatch {
    pub(super) store: Store,
    pub(super) stats: Arc<LaneStats>,
    pub(super) lane: AbortHandle,
    pub(super) queues: Arc<Mutex<Option<Queues>>>,
}

impl EmbeddedWatch {
    /// Reads the depth of the queues.
    pub async fn read_queue_depth(&self) -> Result<(), EmbeddedError> {
        let counts = queue::queue_depth(self.store.read_connection()).await?;
        let depth = |name: &str| QueueDepth {
            ready: counts.get(name).copied().unwrap_or_default(),
            is_commands: name == "commands",
        };
        let by_name: BTreeMap<_, _> = ["commands", "dead"]
            .map(|name| (name.to_owned(), depth(name)))
            .into();
        let at = Instant::now();
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queues { at, by_name });
        Ok(())
    }

    /// The current state.
    pub fn snapshot(&self) -> WorkerSnapshot {
        let state = self.stats.state.get();
        let is_registered = !matches!(
            state,
            LaneState::Starting | LaneState::AwaitingDatabase | LaneState::AwaitingClock
        );
        let ended = self.lane.is_finished().then_some("lane");
        WorkerSnapshot {
            lanes: vec![LaneSnapshot {
                queue: "commands".to_owned(),
                takes_commands: true,
                state,
                stats: self.stats.clone(),
            }],
            expected: 1,
            registered: usize::from(is_registered),
            broker: None,
            queues: self
                .queues
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            lost_replies: BTreeMap::new(),
            unreadable_queries: 0,
            refused_queries: 0,
            discarded: BTreeMap::new(),
            ended: ended.into_iter().collect(),
        }
    }
}
