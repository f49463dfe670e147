//! The embedded worker as health and metrics see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::task::AbortHandle;

use super::{EmbeddedError, queue};
use crate::{
    lane::{Condition, LaneStats, Length, Queues, Seen, SeenLane},
    store::Store,
};

/// Sees the embedded worker, without keeping it alive.
#[derive(Clone, Debug)]
pub struct EmbeddedWatch {
    pub(super) store: Store,
    pub(super) stats: Arc<LaneStats>,
    pub(super) lane: AbortHandle,
    pub(super) queues: Arc<Mutex<Option<Queues>>>,
}

impl EmbeddedWatch {
    /// Looks what waits in the queues.
    pub async fn look(&self) -> Result<(), EmbeddedError> {
        let counts = queue::lengths(self.store.read_connection()).await?;
        let length = |name: &str| Length {
            ready: counts.get(name).copied().unwrap_or_default(),
            is_commands: name == "commands",
        };
        let by_name: BTreeMap<_, _> = ["commands", "dead"]
            .map(|name| (name.to_owned(), length(name)))
            .into();
        let at = Instant::now();
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queues { at, by_name });
        Ok(())
    }

    /// What can be seen now.
    pub fn see(&self) -> Seen {
        let condition = self.stats.condition.get();
        let is_registered = !matches!(
            condition,
            Condition::Starting | Condition::AwaitingDatabase | Condition::AwaitingClock
        );
        let ended = self.lane.is_finished().then_some("lane");
        Seen {
            lanes: vec![SeenLane {
                queue: "commands".to_owned(),
                takes_commands: true,
                condition,
                stats: self.stats.clone(),
            }],
            expected: 1,
            registered: usize::from(is_registered),
            broker: None,
            queues: self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            lost_replies: BTreeMap::new(),
            unreadable_queries: 0,
            refused_queries: 0,
            discarded: BTreeMap::new(),
            ended: ended.into_iter().collect(),
        }
    }
}
