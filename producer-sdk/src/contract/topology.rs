//! Which exchanges, queues and bindings there are, as a plain description. Whoever declares them does the I/O.
//!
//! Only arguments that RabbitMQ 3.10 to 4.x all take, and take alike:
//! - a delivery limit is always given: absent means unlimited in 3.10 and 20 in 4.x;
//! - at-least-once dead lettering stands with `reject-publish`, without which it falls back silently;
//! - queues that several connections use are durable: transient non-exclusive queues are deprecated.

use uuid::Uuid;

use super::bucket::BUCKETS;
use super::command::Door;
use super::reply_to::{self, ReplyToError};

/// Routing key of every query.
pub const QUERY_KEY: &str = "query";

/// How long a reply waits in its queue, in milliseconds; twice as long as the SDK waits for one.
pub const REPLY_TTL_MILLIS: u32 = 60_000;

const MAX_NAMESPACE: usize = 64;
const DELIVERY_LIMIT: i64 = 50;
/// Looking at a dead letter and putting it back is a delivery too: a limit that nobody reaches.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;
const DELAY_MILLIS: i64 = 10_000;
const QUERY_TTL_MILLIS: i64 = 30_000;

/// The names and properties of everything that a namespace has on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    namespace: String,
    shards: u32,
}

/// A namespace or number of shards that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The namespace is empty, too long or has other characters in it.
    #[error("the namespace is {0:?}; allowed are 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`")]
    Namespace(String),
    /// The namespace's queues would be reply queues of another namespace.
    #[error(
        "the namespace is {0:?}; allowed is any that does not end with `.reply`, as reply queues of another do"
    )]
    ReplyNamespace(String),
    /// No shard at all, or more than there are buckets.
    #[error("the number of shards is {0}; allowed is 1 to {BUCKETS}")]
    Shards(u32),
}

/// An exchange to declare; all are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSpec {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Declaration arguments.
    pub args: Vec<(String, Arg)>,
}

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeKind {
    /// By equal routing key.
    Direct,
    /// To every queue bound.
    Fanout,
}

/// A queue to declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its name.
    pub name: String,
    /// Declaration arguments.
    pub args: Vec<(String, Arg)>,
    /// Whether it outlives a restart of the broker.
    pub durable: bool,
}

/// A declaration argument's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A text.
    Str(String),
    /// An integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

/// A queue bound to an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The queue.
    pub queue: String,
    /// The exchange.
    pub exchange: String,
    /// With this routing key; empty for fanout exchanges.
    pub routing_key: String,
}

impl Topology {
    /// The topology of a namespace with that many shards.
    pub fn new(namespace: impl Into<String>, shards: u32) -> Result<Self, TopologyError> {
        let namespace = namespace.into();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if namespace.is_empty() || namespace.len() > MAX_NAMESPACE || !namespace.bytes().all(allowed) {
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

    fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.namespace)
    }

    /// Exchange for apps: `{ns}.usage`.
    pub fn usage(&self) -> String {
        self.door(Door::Usage)
    }

    /// Exchange for payment bridges and back offices: `{ns}.funding`.
    pub fn funding(&self) -> String {
        self.door(Door::Funding)
    }

    /// Exchange for the worker itself: `{ns}.internal`.
    pub fn internal(&self) -> String {
        self.door(Door::Internal)
    }

    /// The exchange behind a door.
    pub fn door(&self, door: Door) -> String {
        self.name(door.as_str())
    }

    /// The door in front of an exchange, if it is one.
    pub fn door_of(&self, exchange: &str) -> Option<Door> {
        let short = exchange.strip_prefix(&self.namespace)?.strip_prefix('.')?;
        Door::parse(short)
    }

    /// Exchange and queue of the queries: `{ns}.queries`, routing key [`QUERY_KEY`].
    pub fn queries(&self) -> String {
        self.name("queries")
    }

    /// Queue of a shard: `{ns}.commands.{shard}`.
    pub fn commands(&self, shard: u32) -> String {
        format!("{}.commands.{shard}", self.namespace)
    }

    /// The shard that serves a bucket.
    pub fn shard_of(&self, bucket: u32) -> u32 {
        bucket % self.shards
    }

    /// Exchange and queue for commands that no binding takes: `{ns}.unrouted`.
    pub fn unrouted(&self) -> String {
        self.name("unrouted")
    }

    /// Exchange and queue that give messages back through the internal exchange after 10 s: `{ns}.delay`.
    /// Published through the exchange, so that the routing key stays the bucket.
    pub fn delay(&self) -> String {
        self.name("delay")
    }

    /// Exchange and queue of the dead letters: `{ns}.dead`.
    pub fn dead(&self) -> String {
        self.name("dead")
    }

    /// Queue from the scheduler to the job runner: `{ns}.jobs`.
    pub fn jobs(&self) -> String {
        self.name("jobs")
    }

    /// Queue that says to which ledger the namespace belongs: `{ns}.ledger`. It stays empty.
    pub fn ledger(&self) -> String {
        self.name("ledger")
    }

    /// The declaration of [`Self::ledger`] for the ledger with this id, which is the dead-letter routing key: RabbitMQ
    /// refuses a declaration whose key is another.
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

    /// Whether a reply may be sent there: to a queue that RabbitMQ has named, to a direct reply-to, to one that aio-pika
    /// or Spring has named, and to `{ns}.reply.{account}` if the broker has verified that the message is from that account.
    /// Anything else could be made to write into any queue of the broker.
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
        exchanges.extend(Door::ALL.map(|door| ExchangeSpec {
            name: self.door(door),
            kind: ExchangeKind::Direct,
            args: vec![text("alternate-exchange", self.unrouted())],
        }));
        exchanges
    }

    /// All queues but [`Self::ledger_queue`].
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
        queues.extend((0..self.shards).map(|shard| durable(self.commands(shard), self.command_args())));
        let mut delay = dead_lettering(self.internal());
        delay.push(("x-message-ttl".to_owned(), Arg::Int(DELAY_MILLIS)));
        queues.push(durable(self.delay(), delay));
        let mut jobs = dead_lettering(self.dead());
        jobs.push(limit(DELIVERY_LIMIT));
        queues.push(durable(self.jobs(), jobs));
        let ttl = ("x-message-ttl".to_owned(), Arg::Int(QUERY_TTL_MILLIS));
        queues.push(durable(
            self.queries(),
            vec![text("x-queue-type", "classic"), ttl],
        ));
        queues
    }

    /// All bindings. Dead letters first: what is dead-lettered without a binding is lost or stuck.
    pub fn bindings(&self) -> Vec<Binding> {
        let to_itself = |name: String| Binding {
            queue: name.clone(),
            exchange: name,
            routing_key: String::new(),
        };
        let mut bindings = vec![to_itself(self.dead()), to_itself(self.unrouted())];
        for bucket in 0..BUCKETS {
            bindings.extend(Door::ALL.map(|door| Binding {
                queue: self.commands(self.shard_of(bucket)),
                exchange: self.door(door),
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

    /// Arguments of the queues that lanes serve.
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
