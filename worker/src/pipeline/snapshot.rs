//! Snapshots of lanes, connections and queues for health checks and metrics, for both transports.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{LaneStats, lane_state::LaneState};

/// The state of a worker at one moment.
#[derive(Debug)]
pub struct WorkerSnapshot {
    /// Every lane since the start, including those that have ended.
    pub lanes: Vec<LaneSnapshot>,
    /// Number of lanes for commands that should be registered.
    pub expected: usize,
    /// Number of registered lanes for commands: they serve, or wait as standby.
    pub registered: usize,
    /// The connections to the broker; `None` on the embedded default.
    pub broker: Option<Connections>,
    /// The depth of the queues; `None` if it was not read yet.
    pub queues: Option<Queues>,
    /// Replies that were not sent, by reason; empty on the embedded default, which loses none.
    pub lost_replies: BTreeMap<String, u64>,
    /// Queries that got no answer because their properties cannot be read; 0 on the embedded
    /// default, where queries have no properties.
    pub unreadable_queries: u64,
    /// Queries that were refused because their sender has used up its answer bytes; 0 on the
    /// embedded default.
    pub refused_queries: u64,
    /// Rejected messages that were not kept as dead letters, by reason; empty on the embedded
    /// default, which keeps all.
    pub discarded: BTreeMap<Cow<'static, str>, u64>,
    /// Tasks that have ended. A task ends only when the worker stops.
    pub ended: Vec<&'static str>,
}

/// The state of a lane at one moment.
#[derive(Debug)]
pub struct LaneSnapshot {
    pub queue: String,
    /// Whether the lane serves commands; otherwise it serves queries.
    pub takes_commands: bool,
    pub state: LaneState,
    pub stats: Arc<LaneStats>,
}

/// The connections of a worker to the broker. Each has its own purpose, so that an error that ends
/// one connection does not affect the others.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    /// Receives and acknowledges commands.
    pub receiving: ConnectionState,
    /// Receives queries.
    pub queries: ConnectionState,
    /// Publishes dead letters and delayed messages.
    pub publishing: ConnectionState,
    /// Publishes replies to commands and queries.
    pub replies: ConnectionState,
    /// Receives job requests.
    pub jobs: ConnectionState,
}

impl Connections {
    /// Every connection of the transport with its name in metrics and health checks.
    pub const fn named(&self) -> [(&'static str, &ConnectionState); 4] {
        [
            ("receiving", &self.receiving),
            ("queries", &self.queries),
            ("publishing", &self.publishing),
            ("replies", &self.replies),
        ]
    }

    /// The connections that the broker blocks when it is short of memory or disk, each with its
    /// name.
    pub const fn publishers(&self) -> [(&'static str, &ConnectionState); 2] {
        [("publishing", &self.publishing), ("replies", &self.replies)]
    }
}

/// The state of a connection to the broker.
#[derive(Clone, Debug, Default)]
pub struct ConnectionState {
    /// Whether the connection is open and, if it receives, subscribed.
    pub connected: bool,
    /// The last error; `None` if the connection has worked since.
    pub error: Option<String>,
    /// When the broker last answered; `None` if it never did.
    pub answered: Option<Instant>,
    /// Number of times that the connection was lost or could not be opened.
    pub lost: u64,
    /// Start of the current block by the broker; `None` if the connection is not blocked.
    pub blocked_since: Option<Instant>,
    /// Total duration of earlier blocks.
    pub blocked_before: Duration,
}

impl ConnectionState {
    /// Total duration of all blocks, including the current one.
    pub fn blocked(&self) -> Duration {
        let now = self
            .blocked_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        self.blocked_before + now
    }
}

/// The depth of the queues.
#[derive(Clone, Debug)]
pub struct Queues {
    /// When the depth was read.
    pub at: Instant,
    /// The depth by name of the queue. A queue that does not exist has no entry.
    pub by_name: BTreeMap<String, QueueDepth>,
}

/// The depth of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that are not delivered to a consumer.
    pub ready: u64,
    /// Whether the messages are commands that lanes serve.
    pub is_commands: bool,
}

impl Queues {
    /// Commands that no worker has taken yet.
    pub fn lag(&self) -> u64 {
        let commands = self.by_name.values().filter(|depth| depth.is_commands);
        commands.map(|depth| depth.ready).sum()
    }
}
