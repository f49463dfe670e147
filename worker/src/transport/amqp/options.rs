//! Options of the AMQP transport.

use std::{fmt, sync::Arc, time::Duration};

use producer_sdk::contract::Topology;
use uuid::Uuid;

use crate::{clock::Clock, senders::SenderPolicy};

/// The options of the AMQP transport.
#[derive(Clone)]
pub struct InboundOptions {
    /// The URL of the broker, with credentials.
    pub url: String,
    /// The names of exchanges and queues, and the number of shards.
    pub topology: Topology,
    /// The id of the ledger, which is compared with the one on the broker before any subscription;
    /// `None`: not compared.
    pub ledger_id: Option<Uuid>,
    /// The name of this worker, used in connection names, consumer tags and logs.
    pub worker: String,
    /// Largest number of commands that are committed together. Twice as many are prefetched, and
    /// may be committed together after the database has refused several commands in a row.
    pub group_max: u16,
    /// Shards on which this worker registers without a delay.
    pub prefer: Vec<u32>,
    /// Largest delay before registering on another shard. The delay is hashed from worker and
    /// shard, so that workers which start together share the shards.
    pub registration_spread: Duration,
    /// Largest pause between retries of a group.
    pub retry_limit: Duration,
    /// After this time without the database a lane requeues its deliveries until the database
    /// answers.
    pub requeue_after: Duration,
    /// Largest number of replies that wait to be sent. Further replies are dropped.
    pub reply_buffer: usize,
    /// Largest size of the replies that wait to be sent, in bytes. Further replies are dropped.
    pub reply_bytes: u32,
    /// Time limit of a query.
    pub query_deadline: Duration,
    /// The limits of senders.
    pub senders: Arc<SenderPolicy>,
    /// How often the depth of the queues is read; `None`: never.
    pub look_every: Option<Duration>,
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
            requeue_after: Duration::from_mins(1),
            reply_buffer: 10_000,
            reply_bytes: 16 << 20,
            query_deadline: Duration::from_secs(5),
            senders: Arc::default(),
            look_every: None,
            clock: Clock::system(),
        }
    }

    /// Largest number of unsettled deliveries of a lane: one group in progress, and one that
    /// gathers.
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
            .field("requeue_after", &self.requeue_after)
            .field("reply_buffer", &self.reply_buffer)
            .field("reply_bytes", &self.reply_bytes)
            .field("query_deadline", &self.query_deadline)
            .field("senders", &self.senders)
            .field("look_every", &self.look_every)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
