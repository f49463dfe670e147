//! The connections and the queues, as health and metrics see them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::{sync::watch, task::AbortHandle};

use super::{
    answer_budget::AnswerBudget, lost_replies::LostReplies, rejections::Rejections, supervisor::AllStats,
    unreadable_queries::UnreadableQueries,
};
use crate::{
    lane::{Connections, LaneStats, Length, Link, Queues, Seen, SeenLane},
    senders::SenderPolicy,
};

/// What connections and queues are like now.
#[derive(Debug)]
pub struct Links {
    /// Commands are received over it.
    pub receiving: Shared,
    /// Queries are received over it.
    pub queries: Shared,
    /// Dead letters and delayed messages are published over it.
    pub publishing: Shared,
    /// Replies are published over it.
    pub replies: Shared,
    /// The counters of the query lane.
    pub query_stats: Arc<LaneStats>,
    /// Queries with unreadable properties.
    pub unreadable_queries: UnreadableQueries,
    /// The bytes of answers that each sender gets.
    pub budget: AnswerBudget,
    /// Rejected messages, and whether they are kept.
    pub rejections: Rejections,
    /// How many lanes there should be.
    pub expected: AtomicUsize,
    queues: Mutex<Option<Queues>>,
}

impl Links {
    /// Nothing is connected yet.
    pub fn new(senders: &SenderPolicy) -> Self {
        Self {
            receiving: Shared::default(),
            queries: Shared::default(),
            publishing: Shared::default(),
            replies: Shared::default(),
            query_stats: Arc::default(),
            unreadable_queries: UnreadableQueries::default(),
            budget: AnswerBudget::new(senders.answer_bytes_per_second),
            rejections: Rejections::default(),
            expected: AtomicUsize::default(),
            queues: Mutex::default(),
        }
    }

    /// Notes what waits in the queues: the broker has answered.
    pub fn looked(&self, by_name: BTreeMap<String, Length>) {
        let at = Instant::now();
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = Some(Queues { at, by_name });
        self.receiving.lock().answered = Some(at);
    }

    fn connections(&self) -> Connections {
        Connections {
            receiving: *self.receiving.lock(),
            queries: *self.queries.lock(),
            publishing: *self.publishing.lock(),
            replies: *self.replies.lock(),
        }
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
    pub(super) lost_replies: LostReplies,
    /// Each task with its name; one that has ended is reported.
    pub(super) tasks: [(&'static str, AbortHandle); 4],
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
            condition: self.links.query_stats.condition.get(),
            stats: self.links.query_stats.clone(),
        });
        let ended = self.tasks.iter().filter(|(_, task)| task.is_finished());
        Seen {
            lanes,
            expected: self.links.expected.load(Relaxed),
            registered: *self.registered.borrow(),
            broker: Some(self.links.connections()),
            queues: self.links.queues(),
            lost_replies: self.lost_replies.read(),
            unreadable_queries: self.links.unreadable_queries.read(),
            refused_queries: self.links.budget.refused(),
            discarded: self.links.rejections.discarded().read(),
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
