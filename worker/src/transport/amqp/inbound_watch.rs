//! Reads the state of the transport, for health checks and metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
};

use tokio::{sync::watch, task::AbortHandle};

use super::{
    connection_state::ConnectionStates, lost_replies::LostReplies,
    registration_guard::Registrations,
};
use crate::pipeline::{LaneSnapshot, LaneStats, WorkerSnapshot};

/// The counters of every lane since the start, by queue.
pub type AllStats = Arc<Mutex<BTreeMap<String, Arc<LaneStats>>>>;

/// Reads the state of the AMQP transport without keeping it alive.
#[derive(Clone, Debug)]
pub struct InboundWatch {
    pub(super) stats: AllStats,
    pub(super) queries: String,
    pub(super) connection_state: Arc<ConnectionStates>,
    pub(super) registered: watch::Receiver<Registrations>,
    pub(super) lost_replies: LostReplies,
    /// Each task with its name. A task that has ended is reported.
    pub(super) tasks: [(&'static str, AbortHandle); 4],
}

impl InboundWatch {
    /// The current state.
    pub fn snapshot(&self) -> WorkerSnapshot {
        let mut lanes: Vec<LaneSnapshot> = {
            let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
            let see = |(queue, stats): (&String, &Arc<LaneStats>)| LaneSnapshot {
                state: stats.state.get(),
                queue: queue.clone(),
                takes_commands: true,
                stats: stats.clone(),
            };
            stats.iter().map(see).collect()
        };
        lanes.push(LaneSnapshot {
            queue: self.queries.clone(),
            takes_commands: false,
            state: self.connection_state.query_stats.state.get(),
            stats: self.connection_state.query_stats.clone(),
        });
        let ended = self.tasks.iter().filter(|(_, task)| task.is_finished());
        WorkerSnapshot {
            lanes,
            expected: self.connection_state.expected.load(Relaxed),
            registered: self.registered.borrow().count(),
            broker: Some(self.connection_state.connections()),
            queues: self.connection_state.queues(),
            lost_replies: self.lost_replies.read(),
            unreadable_queries: self.connection_state.unreadable_queries.read(),
            refused_queries: self.connection_state.budget.refused(),
            discarded: self.connection_state.rejections.discarded().read(),
            ended: ended.map(|(name, _)| *name).collect(),
        }
    }
}
