//! Declares the exchanges, queues and bindings of the namespace.
//!
//! If an object exists with other arguments, or these credentials may not declare it, it is looked
//! up passively. The difference is logged, and the worker uses the existing object. A refused
//! declaration closes its channel, so a new channel follows each refusal.
//!
//! Each queue has a channel of its own. The broker refuses to declare or bind a queue whose node is
//! down (404), or does not answer, and the other queues must not notice.

use futures_util::future::try_join_all;
use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use producer_sdk::contract::{
    self, Arg, BUCKETS, Binding, ExchangeSpec, Origin, QueueSpec, Topology,
};
use strum::VariantArray;
use tracing::{debug, warn};

use super::{connection, error::AmqpError, request};

pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;
const DECLARING: &str = "declaring";

/// An object that differs from its declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name of the exchange or queue, or `bindings`.
    pub what: String,
    /// The answer of the broker.
    pub why: String,
    /// What the operator can do, for a queue that can be deleted without a loss.
    pub remedy: Option<String>,
    /// Whether the object exists and can be used.
    pub is_usable: bool,
}

/// Opens a connection, declares the topology, and closes the connection.
pub async fn declare_at(url: &str, topology: &Topology) -> Result<Vec<Difference>, AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let declared = async {
        let differences = declare(&connection, topology).await?;
        if differences.iter().all(|difference| difference.is_usable) {
            unbind_moved(&connection, topology).await?;
        }
        Ok(differences)
    };
    let declared = declared.await;
    connection::close(&connection).await;
    declared
}

/// Declares exchanges, queues and bindings, and returns the differences. A queue that is
/// unavailable is one of them and keeps no other queue from being declared.
pub async fn declare(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<Difference>, AmqpError> {
    let queues: Vec<String> = topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    declare_some(connection, topology, &queues).await
}

/// Like [`declare`], with only these queues and their bindings.
pub(super) async fn declare_some(
    connection: &Connection,
    topology: &Topology,
    queues: &[String],
) -> Result<Vec<Difference>, AmqpError> {
    let mut differences = declare_exchanges(connection, topology).await?;
    // One after the other: a broker that spreads leaders counts those that exist.
    for queue in queues {
        match declare_queue(connection, topology, queue).await {
            Ok(found) => differences.extend(found),
            Err(error) if error.is_unavailable() => differences.push(unavailable(queue, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(differences)
}

/// Declares the exchanges.
pub(super) async fn declare_exchanges(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<Difference>, AmqpError> {
    let mut declarer = Declarer::new(connection, topology).await?;
    for exchange in topology.exchanges() {
        declarer.exchange(&exchange).await?;
    }
    Ok(declarer.finish().await)
}

/// Declares one queue and its bindings. A queue of a former shard is not declared. The exchanges
/// must exist.
pub(super) async fn declare_queue(
    connection: &Connection,
    topology: &Topology,
    queue: &str,
) -> Result<Vec<Difference>, AmqpError> {
    let mut queues = topology.queues().into_iter();
    let Some(spec) = queues.find(|spec| spec.name == queue) else {
        return Ok(Vec::new());
    };
    let mut bindings = topology.bindings();
    bindings.retain(|binding| binding.queue == queue);
    declare_bound(connection, topology, &spec, bindings).await
}

/// Declares a queue with these bindings.
pub(super) async fn declare_bound(
    connection: &Connection,
    topology: &Topology,
    spec: &QueueSpec,
    bindings: Vec<Binding>,
) -> Result<Vec<Difference>, AmqpError> {
    let mut declarer = Declarer::new(connection, topology).await?;
    declarer.queue(spec).await?;
    declarer.bindings(bindings).await?;
    Ok(declarer.finish().await)
}

/// Declares the exchanges and one queue.
pub(super) async fn declare_one(
    connection: &Connection,
    topology: &Topology,
    queue: &str,
) -> Result<(), AmqpError> {
    declare_exchanges(connection, topology).await?;
    declare_queue(connection, topology, queue).await.map(drop)
}

/// Opens a connection, declares the exchanges and one queue, and closes the connection.
pub async fn declare_one_at(url: &str, topology: &Topology, queue: &str) -> Result<(), AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let declared = declare_one(&connection, topology, queue).await;
    connection::close(&connection).await;
    declared
}

fn unavailable(queue: &str, error: &AmqpError) -> Difference {
    let why = crate::pipeline::chain(error);
    warn!(queue, why, "queue is unavailable, going on without it");
    Difference {
        what: queue.to_owned(),
        why,
        remedy: None,
        is_usable: false,
    }
}

/// Removes bindings of buckets to queues of other shards, which remain after the number of shards
/// has changed. Must be called after [`declare`]: then the new bindings exist, so no bucket is ever
/// unbound. A message of a bucket that is bound twice for a moment is applied once.
pub async fn unbind_moved(connection: &Connection, topology: &Topology) -> Result<(), AmqpError> {
    unbind_from(connection, topology, 0..topology.shards()).await
}

/// Like [`unbind_moved`], for the queues of these shards.
pub(super) async fn unbind_from(
    connection: &Connection,
    topology: &Topology,
    shards: impl IntoIterator<Item = u32>,
) -> Result<(), AmqpError> {
    for shard in shards {
        let channel = connection::channel(connection).await?;
        unbind_buckets(&channel, topology, shard).await;
        request::close_channel(&channel).await;
    }
    Ok(())
}

/// Unbinds the buckets of other shards from the queue of a shard. A bucket that is not bound counts
/// as unbound.
async fn unbind_buckets(channel: &Channel, topology: &Topology, shard: u32) {
    let queue = topology.commands(shard);
    let others = (0..BUCKETS).filter(|bucket| topology.shard_of(*bucket) != shard);
    let unbinds = others
        .flat_map(|bucket| Origin::VARIANTS.iter().map(move |&origin| (bucket, origin)))
        .map(|(bucket, origin)| {
            let (queue, exchange) = (queue.clone(), topology.exchange(origin));
            async move {
                let key = bucket.to_string();
                let (queue, exchange, key) = (short(queue)?, short(exchange)?, short(key)?);
                let unbind = channel.queue_unbind(queue, exchange, key, FieldTable::default());
                request::answered_slowly("unbinding a bucket from a shard", unbind).await
            }
        });
    if let Err(error) = try_join_all(unbinds).await {
        warn!(queue, error = %error, "buckets of other shards cannot be unbound");
    }
}

struct Declarer<'a> {
    connection: &'a Connection,
    topology: &'a Topology,
    channel: Channel,
    differences: Vec<Difference>,
}

impl<'a> Declarer<'a> {
    async fn new(connection: &'a Connection, topology: &'a Topology) -> Result<Self, AmqpError> {
        Ok(Self {
            connection,
            topology,
            channel: connection::channel(connection).await?,
            differences: Vec::new(),
        })
    }

    async fn finish(self) -> Vec<Difference> {
        request::close_channel(&self.channel).await;
        self.differences
    }

    async fn exchange(&mut self, spec: &ExchangeSpec) -> Result<(), AmqpError> {
        let kind = match spec.kind {
            contract::ExchangeKind::Fanout => ExchangeKind::Fanout,
            _ => ExchangeKind::Direct,
        };
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declare = self.channel.exchange_declare(
            short(&spec.name)?,
            kind.clone(),
            options,
            table(&spec.args)?,
        );
        let declared = request::answered(DECLARING, declare).await;
        if self.tolerate(declared, &spec.name).await? {
            let passive = ExchangeDeclareOptions {
                passive: true,
                ..options
            };
            let lookup = self.channel.exchange_declare(
                short(&spec.name)?,
                kind,
                passive,
                FieldTable::default(),
            );
            request::answered("looking up an exchange", lookup).await?;
        }
        Ok(())
    }

    async fn queue(&mut self, spec: &QueueSpec) -> Result<(), AmqpError> {
        let options = QueueDeclareOptions {
            durable: spec.durable,
            ..QueueDeclareOptions::default()
        };
        let declare = self
            .channel
            .queue_declare(short(&spec.name)?, options, table(&spec.args)?);
        let declared = request::answered(DECLARING, declare).await;
        if self.tolerate(declared, &spec.name).await? {
            let passive = QueueDeclareOptions {
                passive: true,
                ..options
            };
            let lookup =
                self.channel
                    .queue_declare(short(&spec.name)?, passive, FieldTable::default());
            request::answered("looking up a queue", lookup).await?;
        }
        Ok(())
    }

    /// Declares all bindings of a queue at once: one after the other, each bucket and origin would
    /// cost a round trip.
    async fn bindings(&mut self, bindings: Vec<Binding>) -> Result<(), AmqpError> {
        let channel = &self.channel;
        let bound = try_join_all(bindings.iter().map(|binding| async move {
            let (queue, exchange) = (short(&binding.queue)?, short(&binding.exchange)?);
            let key = short(&binding.routing_key)?;
            let options = QueueBindOptions::default();
            let bind = channel.queue_bind(queue, exchange, key, options, FieldTable::default());
            request::answered_slowly("binding a queue", bind).await
        }))
        .await;
        match bound {
            Err(error) if error.code() == Some(ACCESS_REFUSED) => {
                self.differ("bindings", &error).await
            }
            other => other.map(drop),
        }
    }

    /// Whether a declaration was refused in such a way that the existing object may be usable.
    async fn tolerate<T>(
        &mut self,
        declared: Result<T, AmqpError>,
        what: &str,
    ) -> Result<bool, AmqpError> {
        let Err(error) = declared else {
            return Ok(false);
        };
        match error.code() {
            Some(ACCESS_REFUSED | PRECONDITION_FAILED) => {
                self.differ(what, &error).await?;
                Ok(true)
            }
            _ => Err(error),
        }
    }

    async fn differ(&mut self, what: &str, error: &AmqpError) -> Result<(), AmqpError> {
        let why = crate::pipeline::chain(error);
        let remedy = self.remedy(what, error);
        warn!(
            what,
            why, remedy, "existing object differs from its declaration, using it"
        );
        self.differences.push(Difference {
            what: what.to_owned(),
            why,
            remedy,
            is_usable: true,
        });
        debug!("refusal closed the channel, opening another");
        self.channel = connection::channel(self.connection).await?;
        Ok(())
    }

    /// The remedy for a query queue of another type. Only this queue may be deleted at any time,
    /// because queries are not kept.
    fn remedy(&self, what: &str, error: &AmqpError) -> Option<String> {
        let queue = self.topology.queries();
        let is_of_another_kind = what == queue && error.code() == Some(PRECONDITION_FAILED);
        is_of_another_kind.then(|| {
            format!(
                "delete the queue (rabbitmqctl delete_queue {queue}), then run \
                 `scrip topology declare`; queries are not kept, so nothing is lost"
            )
        })
    }
}

pub(super) fn short(name: impl Into<String>) -> Result<ShortString, AmqpError> {
    let name = name.into();
    ShortString::try_new(name.as_str()).map_err(|error| AmqpError::NotAccepted {
        exchange: name,
        why: error.to_string(),
    })
}

pub(super) fn table(args: &[(String, Arg)]) -> Result<FieldTable, AmqpError> {
    producer_sdk::amqp::arguments(args).map_err(|error| AmqpError::NotAccepted {
        exchange: "the arguments of a declaration".to_owned(),
        why: error.to_string(),
    })
}
