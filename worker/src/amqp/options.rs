//! What the AMQP side can be told.

use std::{fmt, sync::Arc, time::Duration};

use producer_sdk::contract::Topology;
use uuid::Uuid;

use crate::{clock::Clock, senders::SenderPolicy};

/// What the AMQP side can be told.
#[derive(Clone)]
pub struct InboundOptions {
    /// Where the broker is, with credentials.
    pub url: String,
    /// The names of everything, and the number of shards.
    pub topology: Topology,
    /// The id of the ledger that is served, compared with the one on the broker before anything is subscribed to; `None`:
    /// not compared.
    pub ledger_id: Option<Uuid>,
    /// This worker's name: in connection names, subscription tags and logs.
    pub worker: String,
    /// At most this many commands are committed together; twice as many are prefetched, and may be committed together
    /// after the database has refused one after the other.
    pub group_max: u16,
    /// Shards to register on at once; on the others after a delay.
    pub prefer: Vec<u32>,
    /// The longest delay before registering on a shard; the delay is hashed from worker and shard, so that
    /// several workers that start together share the shards.
    pub registration_spread: Duration,
    /// While the database is away a group is tried again at least this often.
    pub retry_limit: Duration,
    /// After this long without the database a lane gives its deliveries back until the database answers.
    pub give_back_after: Duration,
    /// Replies that may wait to be sent; more are dropped.
    pub reply_buffer: usize,
    /// Bytes of replies that may wait to be sent; more are dropped.
    pub reply_bytes: u32,
    /// How long a query may take.
    pub query_deadline: Duration,
    /// What each sender may send.
    pub senders: Arc<SenderPolicy>,
    /// How often to look what waits in the queues; `None`: nobody wants to know.
    pub look_every: Option<Duration>,
    /// What time it is.
    pub clock: Clock,
}

impl InboundOptions {
    /// The defaults.
    pub fn new(url: impl Into<String>, topology: Topology, worker: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            topology,
            ledger_id: None,
            worker: worker.into(),
            group_max: 1000,
            prefer: Vec::new(),
            registration_spread: Duration::from_millis(500),
            retry_limit: Duration::from_secs(10),
            give_back_after: Duration::from_mins(1),
            reply_buffer: 10_000,
            reply_bytes: 16 << 20,
            query_deadline: Duration::from_secs(5),
            senders: Arc::default(),
            look_every: None,
            clock: Clock::system(),
        }
    }

    /// Unsettled deliveries that a lane holds at most: one group at work, one that gathers meanwhile.
    pub(super) fn prefetch(&self) -> u16 {
        self.group_max.max(1).saturating_mul(2)
    }
}

impl fmt::Debug for InboundOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundOptions")
            .field("topology", &self.topology)
            .field("ledger_id", &self.ledger_id)
            .field("worker", &self.worker)
            .field("group_max", &self.group_max)
            .field("prefer", &self.prefer)
            .field("registration_spread", &self.registration_spread)
            .field("retry_limit", &self.retry_limit)
            .field("give_back_after", &self.give_back_after)
            .field("reply_buffer", &self.reply_buffer)
            .field("reply_bytes", &self.reply_bytes)
            .field("query_deadline", &self.query_deadline)
            .field("senders", &self.senders)
            .field("look_every", &self.look_every)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
