//! The two connections and the queues, as whoever watches sees them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::{sync::watch, task::AbortHandle};

use super::supervisor::AllStats;
use crate::lane::{LaneStats, Length, Link, Queues, Seen, SeenLane};

/// What connections and queues are like now.
#[derive(Debug, Default)]
pub struct Links {
    /// The connection that deliveries come by.
    pub receiving: Shared,
    /// The connection that letters and replies go out by.
    pub publishing: Shared,
    /// The lane of queries.
    pub queries: Arc<LaneStats>,
    /// How many lanes there should be.
    pub expected: AtomicUsize,
    queues: Mutex<Option<Queues>>,
}

impl Links {
    /// Notes what waits in the queues: the broker has answered.
    pub fn looked(&self, by_name: BTreeMap<String, Length>) {
        let at = Instant::now();
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queues { at, by_name });
        self.receiving.lock().answered = Some(at);
    }

    fn queues(&self) -> Option<Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that others look at.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Link>);

impl Shared {
    /// It is made.
    pub fn up(&self) {
        let mut link = self.lock();
        link.connected = true;
        link.answered = Some(Instant::now());
    }

    /// It was closed as it should be.
    pub fn down(&self) {
        let mut link = self.lock();
        link.blocked_before = link.blocked();
        link.blocked_since = None;
        link.connected = false;
    }

    /// It was lost, or could not be made.
    pub fn lost(&self) {
        self.down();
        self.lock().lost += 1;
    }

    /// Whether the broker blocks it.
    pub fn set_blocked(&self, blocked: bool) {
        let mut link = self.lock();
        if blocked {
            link.blocked_since.get_or_insert_with(Instant::now);
        } else {
            link.blocked_before = link.blocked();
            link.blocked_since = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees the AMQP side, without keeping anything of it alive.
#[derive(Clone, Debug)]
pub struct InboundWatch {
    pub(super) stats: AllStats,
    pub(super) queries: String,
    pub(super) links: Arc<Links>,
    pub(super) registered: watch::Receiver<usize>,
    pub(super) dropped_replies: Arc<AtomicU64>,
    pub(super) supervisor: AbortHandle,
    pub(super) publishing: AbortHandle,
}

impl InboundWatch {
    /// What can be seen now.
    pub fn see(&self) -> Seen {
        let mut lanes: Vec<SeenLane> = {
            let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
            let see = |(queue, stats): (&String, &Arc<LaneStats>)| SeenLane {
                condition: stats.condition.get(),
                queue: queue.clone(),
                takes_commands: true,
                stats: stats.clone(),
            };
            stats.iter().map(see).collect()
        };
        lanes.push(SeenLane {
            queue: self.queries.clone(),
            takes_commands: false,
            condition: self.links.queries.condition.get(),
            stats: self.links.queries.clone(),
        });
        let tasks = [("supervisor", &self.supervisor), ("publisher", &self.publishing)];
        let ended = tasks.iter().filter(|(_, task)| task.is_finished());
        Seen {
            lanes,
            expected: self.links.expected.load(Relaxed),
            registered: *self.registered.borrow(),
            broker: Some([*self.links.receiving.lock(), *self.links.publishing.lock()]),
            queues: self.links.queues(),
            dropped_replies: self.dropped_replies.load(Relaxed),
            ended: ended.map(|(name, _)| *name).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_connection_was_blocked_is_kept_when_it_is_lost() {
        let shared = Shared::default();
        shared.up();
        shared.set_blocked(true);
        let since = shared.lock().blocked_since;
        shared.set_blocked(true);
        assert_eq!(shared.lock().blocked_since, since);
        std::thread::sleep(std::time::Duration::from_millis(2));
        shared.lost();
        let link = *shared.lock();
        assert!(!link.connected && link.blocked_since.is_none() && link.lost == 1);
        assert!(link.blocked() >= std::time::Duration::from_millis(2));
        assert_eq!(link.blocked(), link.blocked_before);
    }
}
