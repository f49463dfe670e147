//! What can be seen of lanes from outside, whatever transport they have.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{LaneStats, condition::Condition};

/// What can be seen at one moment.
#[derive(Debug)]
pub struct Seen {
    /// Every lane that there ever was.
    pub lanes: Vec<SeenLane>,
    /// How many there should be.
    pub expected: usize,
    /// How many have their place: they serve, or wait for their turn.
    pub registered: usize,
    /// The connections to the broker; `None` on the embedded default.
    pub broker: Option<Connections>,
    /// What waits in the queues, if somebody has looked.
    pub queues: Option<Queues>,
    /// Replies that were not sent, by reason; empty on the embedded default, where none is lost.
    pub lost_replies: BTreeMap<String, u64>,
    /// Queries that got no answer because their properties cannot be read; 0 on the embedded default, which has none.
    pub unreadable_queries: u64,
    /// Queries that were refused because their sender had its share of answers; 0 on the embedded default.
    pub refused_queries: u64,
    /// Rejected messages that were not kept as dead letters, by reason; empty on the embedded default, which keeps all.
    pub discarded: BTreeMap<Cow<'static, str>, u64>,
    /// Tasks that have ended, which they only do when the worker stops.
    pub ended: Vec<&'static str>,
}

/// A lane.
#[derive(Debug)]
pub struct SeenLane {
    /// Its queue.
    pub queue: String,
    /// Whether it takes commands, rather than queries.
    pub takes_commands: bool,
    /// What it is doing, as far as can be told.
    pub condition: Condition,
    /// Its counters.
    pub stats: Arc<LaneStats>,
}

/// A worker's connections to the broker, each with a purpose of its own, so that what ends one leaves the others alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connections {
    /// Commands are received and acknowledged over it.
    pub receiving: Link,
    /// Queries are received over it.
    pub queries: Link,
    /// Dead letters and delayed messages are published over it.
    pub publishing: Link,
    /// Replies and answers are published over it.
    pub replies: Link,
}

impl Connections {
    /// Each with its name in metrics and health checks.
    pub const fn named(&self) -> [(&'static str, &Link); 4] {
        [
            ("receiving", &self.receiving),
            ("queries", &self.queries),
            ("publishing", &self.publishing),
            ("replies", &self.replies),
        ]
    }

    /// Those that the broker blocks when it is short of memory or disk, each with its name.
    pub const fn publishers(&self) -> [(&'static str, &Link); 2] {
        [("publishing", &self.publishing), ("replies", &self.replies)]
    }
}

/// A connection to the broker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// Whether there is one.
    pub connected: bool,
    /// When the broker last answered on it.
    pub answered: Option<Instant>,
    /// How often it was lost or could not be made.
    pub lost: u64,
    /// Since when the broker has blocked it.
    pub blocked_since: Option<Instant>,
    /// For how long it was blocked before.
    pub blocked_before: Duration,
}

impl Link {
    /// For how long it was blocked in all.
    pub fn blocked(&self) -> Duration {
        let now = self.blocked_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.blocked_before + now
    }
}

/// What waits in the queues.
#[derive(Clone, Debug)]
pub struct Queues {
    /// When somebody looked.
    pub at: Instant,
    /// Each queue by name. One that is missing does not exist.
    pub by_name: BTreeMap<String, Length>,
}

/// What waits in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Messages that nobody holds.
    pub ready: u64,
    /// Whether they are commands to be served.
    pub is_commands: bool,
}

impl Queues {
    /// Commands that nobody has taken yet.
    pub fn lag(&self) -> u64 {
        let commands = self.by_name.values().filter(|length| length.is_commands);
        commands.map(|length| length.ready).sum()
    }
}
