//! The exchanges, queues and bindings of a namespace, as plain data. Other code declares them.
//!
//! All arguments work and mean the same in RabbitMQ 3.10 to 4.x:
//! - A delivery limit is always set. Its default is unlimited in 3.10 and 20 in 4.x.
//! - At-least-once dead-lettering is used together with `reject-publish`. Without this setting
//!   RabbitMQ silently falls back to at-most-once.
//! - Queues that several connections use are quorum queues, so that each survives the loss of a
//!   node. A classic queue is unavailable while the node that it was declared on is down.

use strum::VariantArray;
use uuid::Uuid;

use super::Origin;
use super::bucket::BUCKETS;
use super::reply_to::{self, ReplyToError};

/// The routing key of every query.
pub const QUERY_KEY: &str = "query";

/// The lifetime of a reply in its queue, in milliseconds. It is twice the time that the SDK waits
/// for a reply.
pub const REPLY_TTL_MILLIS: u32 = 60_000;

const MAX_NAMESPACE: usize = 64;
const DELIVERY_LIMIT: i64 = 50;
/// Reading a dead letter and returning it to the queue also counts as a delivery. So this limit is
/// one that is never reached.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;
const DELAY_MILLIS: i64 = 10_000;
const QUERY_TTL_MILLIS: i64 = 30_000;
/// Largest number of messages with positions. Each has the whole history of its worker.
const POSITIONS: i64 = 64;

/// The names and properties of all exchanges and queues of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    namespace: String,
    shards: u32,
}

/// An invalid namespace or number of shards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The namespace is empty, too long, or contains other characters.
    #[error("the namespace must be 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, got {0:?}")]
    Namespace(String),
    /// The queues of the namespace would be reply queues of another namespace.
    #[error(
        "the namespace must not end with `.reply`, because reply queues have such names, got {0:?}"
    )]
    ReplyNamespace(String),
    /// The number of shards is 0 or exceeds the number of buckets.
    #[error("the number of shards must be from 1 to {BUCKETS}, got {0}")]
    Shards(u32),
}

/// An exchange to declare. All exchanges are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// The name.
    pub name: String,
    /// The routing algorithm.
    pub kind: ExchangeKind,
    /// The arguments of the declaration.
    pub args: Vec<(String, Arg)>,
}

/// The routing algorithm of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeKind {
    /// Routes to queues that are bound with the same routing key.
    Direct,
    /// Routes to every bound queue.
    Fanout,
}

/// A queue to declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// The name.
    pub name: String,
    /// The arguments of the declaration.
    pub args: Vec<(String, Arg)>,
    /// Whether it survives a restart of the broker.
    pub durable: bool,
}

/// The value of a declaration argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A text.
    Str(String),
    /// An integer.
    Int(i64),
    /// A Boolean.
    Bool(bool),
}

/// A binding of a queue to an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name of the queue.
    pub queue: String,
    /// The name of the exchange.
    pub exchange: String,
    /// The routing key. Empty for fanout exchanges.
    pub routing_key: String,
}

impl Topology {
    /// The topology of a namespace with this number of shards.
    pub fn new(namespace: impl Into<String>, shards: u32) -> Result<Self, TopologyError> {
        let namespace = namespace.into();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if namespace.is_empty()
            || namespace.len() > MAX_NAMESPACE
            || !namespace.bytes().all(allowed)
        {
            return Err(TopologyError::Namespace(namespace));
        }
        if matches!(namespace.rsplit_once('.'), Some((_, "reply"))) {
            return Err(TopologyError::ReplyNamespace(namespace));
        }
        if !(1..=BUCKETS).contains(&shards) {
            return Err(TopologyError::Shards(shards));
        }
        Ok(Self { namespace, shards })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The number of shards.
    pub fn shards(&self) -> u32 {
        self.shards
    }

    pub(super) fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.namespace)
    }

    /// The exchange for apps: `{ns}.usage`.
    pub fn usage(&self) -> String {
        self.exchange(Origin::Usage)
    }

    /// The exchange for payment bridges and back offices: `{ns}.funding`.
    pub fn funding(&self) -> String {
        self.exchange(Origin::Funding)
    }

    /// The exchange for the worker itself: `{ns}.internal`.
    pub fn internal(&self) -> String {
        self.exchange(Origin::Internal)
    }

    /// The exchange of an origin.
    pub fn exchange(&self, origin: Origin) -> String {
        self.name(origin.as_str())
    }

    /// The origin of an exchange. `None` if it is not an exchange for commands.
    pub fn origin_of(&self, exchange: &str) -> Option<Origin> {
        let short = exchange.strip_prefix(&self.namespace)?.strip_prefix('.')?;
        short.parse().ok()
    }

    /// The exchange and queue for queries: `{ns}.queries`. The routing key is [`QUERY_KEY`].
    pub fn queries(&self) -> String {
        self.name("queries")
    }

    /// The command queue of a shard: `{ns}.commands.{shard}`.
    pub fn commands(&self, shard: u32) -> String {
        format!("{}.commands.{shard}", self.namespace)
    }

    /// The shard of a bucket.
    pub fn shard_of(&self, bucket: u32) -> u32 {
        bucket % self.shards
    }

    /// The exchange and queue for commands that match no binding: `{ns}.unrouted`.
    pub fn unrouted(&self) -> String {
        self.name("unrouted")
    }

    /// The exchange and queue for delayed retries: `{ns}.delay`. After 10 s the broker returns a
    /// message through the internal exchange.
    ///
    /// Messages are published through the exchange, so that the bucket stays their routing key.
    pub fn delay(&self) -> String {
        self.name("delay")
    }

    /// The exchange and queue for dead letters: `{ns}.dead`.
    pub fn dead(&self) -> String {
        self.name("dead")
    }

    /// The queue from the scheduler to the job runner: `{ns}.jobs`.
    pub fn jobs(&self) -> String {
        self.name("jobs")
    }

    /// The queue that records the ledger of the namespace: `{ns}.ledger`. It stays empty.
    pub fn ledger(&self) -> String {
        self.name("ledger")
    }

    /// The queue with the last positions that workers have acknowledged: `{ns}.positions`.
    pub fn positions(&self) -> String {
        self.name("positions")
    }

    /// The declaration of [`Self::ledger`] for the ledger with this id.
    ///
    /// The id is the dead-letter routing key. RabbitMQ refuses a declaration with another key.
    pub fn ledger_queue(&self, id: Uuid) -> QueueSpec {
        QueueSpec {
            name: self.ledger(),
            args: vec![
                text("x-queue-type", "quorum"),
                text("x-dead-letter-exchange", self.dead()),
                text("x-dead-letter-routing-key", id.simple().to_string()),
                limit(DELIVERY_LIMIT),
            ],
            durable: true,
        }
    }

    /// Checks that a reply may be sent to a queue.
    ///
    /// Allowed are queues that RabbitMQ, aio-pika or Spring has named, a direct reply-to, and
    /// `{ns}.reply.{account}` if the broker has verified that the message is from that account.
    /// With any other name an app could make the worker write to any queue of the broker.
    pub fn check_reply_to(&self, queue: &str, sender: Option<&str>) -> Result<(), ReplyToError> {
        reply_to::check(&self.namespace, queue, sender)
    }

    /// All exchanges, in an order in which they can be declared.
    pub fn exchanges(&self) -> Vec<ExchangeSpec> {
        let plain = |name: String, kind| ExchangeSpec {
            name,
            kind,
            args: Vec::new(),
        };
        let mut exchanges = vec![
            plain(self.dead(), ExchangeKind::Fanout),
            plain(self.unrouted(), ExchangeKind::Fanout),
            plain(self.delay(), ExchangeKind::Fanout),
            plain(self.queries(), ExchangeKind::Direct),
        ];
        exchanges.extend(Origin::VARIANTS.iter().map(|&origin| ExchangeSpec {
            name: self.exchange(origin),
            kind: ExchangeKind::Direct,
            args: vec![text("alternate-exchange", self.unrouted())],
        }));
        exchanges
    }

    /// All queues except [`Self::ledger_queue`] and [`Self::retained_queue`].
    pub fn queues(&self) -> Vec<QueueSpec> {
        let durable = |name, args| QueueSpec {
            name,
            args,
            durable: true,
        };
        let mut queues = vec![
            durable(
                self.dead(),
                vec![text("x-queue-type", "quorum"), limit(DEAD_DELIVERY_LIMIT)],
            ),
            durable(self.unrouted(), self.command_args()),
        ];
        queues.extend(
            (0..self.shards).map(|shard| durable(self.commands(shard), self.command_args())),
        );
        let mut delay = dead_lettering(self.internal());
        delay.push(("x-message-ttl".to_owned(), Arg::Int(DELAY_MILLIS)));
        queues.push(durable(self.delay(), delay));
        let mut jobs = dead_lettering(self.dead());
        jobs.push(limit(DELIVERY_LIMIT));
        queues.push(durable(self.jobs(), jobs));
        queues.push(durable(
            self.queries(),
            vec![
                text("x-queue-type", "quorum"),
                ("x-message-ttl".to_owned(), Arg::Int(QUERY_TTL_MILLIS)),
                limit(DELIVERY_LIMIT),
            ],
        ));
        // Readers return every message to the queue.
        queues.push(durable(
            self.positions(),
            vec![
                text("x-queue-type", "quorum"),
                ("x-max-length".to_owned(), Arg::Int(POSITIONS)),
                text("x-overflow", "drop-head"),
                limit(DEAD_DELIVERY_LIMIT),
            ],
        ));
        queues
    }

    /// All bindings. Those for dead letters come first, because a message that is dead-lettered
    /// without a binding is lost or stuck.
    pub fn bindings(&self) -> Vec<Binding> {
        let to_itself = |name: String| Binding {
            queue: name.clone(),
            exchange: name,
            routing_key: String::new(),
        };
        let mut bindings = vec![to_itself(self.dead()), to_itself(self.unrouted())];
        for bucket in 0..BUCKETS {
            bindings.extend(Origin::VARIANTS.iter().map(|&origin| Binding {
                queue: self.commands(self.shard_of(bucket)),
                exchange: self.exchange(origin),
                routing_key: bucket.to_string(),
            }));
        }
        bindings.push(to_itself(self.delay()));
        bindings.push(Binding {
            queue: self.queries(),
            exchange: self.queries(),
            routing_key: QUERY_KEY.to_owned(),
        });
        bindings
    }

    /// The arguments of the queues that lanes serve.
    fn command_args(&self) -> Vec<(String, Arg)> {
        let mut args = dead_lettering(self.dead());
        args.push(("x-single-active-consumer".to_owned(), Arg::Bool(true)));
        args.push(limit(DELIVERY_LIMIT));
        args
    }
}

fn text(key: &str, value: impl Into<String>) -> (String, Arg) {
    (key.to_owned(), Arg::Str(value.into()))
}

fn limit(deliveries: i64) -> (String, Arg) {
    ("x-delivery-limit".to_owned(), Arg::Int(deliveries))
}

fn dead_lettering(exchange: String) -> Vec<(String, Arg)> {
    vec![
        text("x-queue-type", "quorum"),
        text("x-dead-letter-exchange", exchange),
        text("x-dead-letter-strategy", "at-least-once"),
        text("x-overflow", "reject-publish"),
    ]
}
