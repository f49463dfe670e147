//! Declaring what the namespace needs.
//!
//! Whatever exists with other arguments, or may not be declared with these credentials, is looked up passively:
//! the difference is named in the log and the worker goes on with what there is. A refused declaration closes
//! its channel, so each gets a new one after a refusal.

use futures_util::future::try_join_all;
use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::contract::{self, Arg, BUCKETS, Binding, Door, ExchangeSpec, QueueSpec, Topology};
use tracing::{debug, warn};

use super::{AmqpError, connection};

pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;

/// Something that is not as it would have been declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The exchange, queue or binding.
    pub what: String,
    /// What the broker said.
    pub why: String,
}

/// Connects, declares and leaves.
pub async fn declare_at(url: &str, topology: &Topology) -> Result<Vec<Difference>, AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let declared = async {
        let differences = declare(&connection, topology).await?;
        unbind_moved(&connection, topology).await?;
        Ok(differences)
    };
    let declared = declared.await;
    connection::close(&connection).await;
    declared
}

/// Declares exchanges, queues and bindings, and tells what is not as it should be.
pub async fn declare(connection: &Connection, topology: &Topology) -> Result<Vec<Difference>, AmqpError> {
    let mut declarer = Declarer {
        connection,
        channel: connection::channel(connection).await?,
        differences: Vec::new(),
    };
    for exchange in topology.exchanges() {
        declarer.exchange(&exchange).await?;
    }
    for queue in topology.queues() {
        declarer.queue(&queue).await?;
    }
    declarer.bindings(topology.bindings()).await?;
    let Declarer {
        channel, differences, ..
    } = declarer;
    let _ = channel.close(200, "bye".into()).await;
    Ok(differences)
}

/// Takes the buckets away that are still bound to another shard, from a time when there were fewer or more. To be done
/// after [`declare`]: new bindings stand by then, so nothing is ever bound to none, and what is bound to two for a
/// moment is applied once all the same.
pub async fn unbind_moved(connection: &Connection, topology: &Topology) -> Result<(), AmqpError> {
    for shard in 0..topology.shards() {
        let channel = connection::channel(connection).await?;
        unbind_buckets(&channel, topology, shard).await;
        let _ = channel.close(200, "bye".into()).await;
    }
    Ok(())
}

/// Shards beyond the present number that still have a queue, from a time when there were more. Buckets that are
/// still bound to them are taken away; what is in them is to be served until they are empty. The search ends at
/// the first that is missing, so that it costs one refusal: they are to be deleted from the highest down.
pub async fn retired_shards(connection: &Connection, topology: &Topology) -> Result<Vec<u32>, AmqpError> {
    let mut retired = Vec::new();
    for shard in topology.shards()..BUCKETS {
        let channel = connection::channel(connection).await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        match channel
            .queue_declare(short(topology.commands(shard))?, passive, FieldTable::default())
            .await
        {
            Ok(_) => {
                unbind_buckets(&channel, topology, shard).await;
                let _ = channel.close(200, "bye".into()).await;
                retired.push(shard);
            }
            Err(error) if error.is_amqp_soft_error() => break,
            Err(error) => return Err(AmqpError::doing("looking for former shards")(error)),
        }
    }
    Ok(retired)
}

/// Takes the buckets of other shards away from a shard's queue. A bucket that is not bound counts as unbound.
async fn unbind_buckets(channel: &Channel, topology: &Topology, shard: u32) {
    let queue = topology.commands(shard);
    let others = (0..BUCKETS).filter(|bucket| topology.shard_of(*bucket) != shard);
    let unbinds = others
        .flat_map(|bucket| Door::ALL.map(|door| (bucket, door)))
        .map(|(bucket, door)| {
            let (queue, exchange) = (queue.clone(), topology.door(door));
            async move {
                let key = bucket.to_string();
                channel
                    .queue_unbind(
                        short(queue)?,
                        short(exchange)?,
                        short(key)?,
                        FieldTable::default(),
                    )
                    .await
                    .map_err(AmqpError::doing("unbinding a bucket from a shard"))
            }
        });
    if let Err(error) = try_join_all(unbinds).await {
        warn!(queue, error = %error, "buckets of other shards stay bound to a shard");
    }
}

struct Declarer<'a> {
    connection: &'a Connection,
    channel: Channel,
    differences: Vec<Difference>,
}

impl Declarer<'_> {
    async fn exchange(&mut self, spec: &ExchangeSpec) -> Result<(), AmqpError> {
        let kind = match spec.kind {
            contract::ExchangeKind::Fanout => ExchangeKind::Fanout,
            _ => ExchangeKind::Direct,
        };
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declared = self
            .channel
            .exchange_declare(short(&spec.name)?, kind.clone(), options, table(&spec.args)?)
            .await;
        if self.tolerate(declared, &spec.name).await? {
            let passive = ExchangeDeclareOptions {
                passive: true,
                ..options
            };
            self.channel
                .exchange_declare(short(&spec.name)?, kind, passive, FieldTable::default())
                .await
                .map_err(AmqpError::doing("looking up an exchange"))?;
        }
        Ok(())
    }

    async fn queue(&mut self, spec: &QueueSpec) -> Result<(), AmqpError> {
        let options = QueueDeclareOptions {
            durable: spec.durable,
            ..QueueDeclareOptions::default()
        };
        let declared = self
            .channel
            .queue_declare(short(&spec.name)?, options, table(&spec.args)?)
            .await;
        if self.tolerate(declared, &spec.name).await? {
            let passive = QueueDeclareOptions {
                passive: true,
                ..options
            };
            self.channel
                .queue_declare(short(&spec.name)?, passive, FieldTable::default())
                .await
                .map_err(AmqpError::doing("looking up a queue"))?;
        }
        Ok(())
    }

    /// All at once: each on its own would be a round trip for each bucket and door.
    async fn bindings(&mut self, bindings: Vec<Binding>) -> Result<(), AmqpError> {
        let channel = &self.channel;
        let bound = try_join_all(bindings.iter().map(|binding| async move {
            let (queue, exchange) = (short(&binding.queue)?, short(&binding.exchange)?);
            let key = short(&binding.routing_key)?;
            channel
                .queue_bind(
                    queue,
                    exchange,
                    key,
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await
                .map_err(AmqpError::doing("binding a queue"))
        }))
        .await;
        match bound {
            Err(error) if error.code() == Some(ACCESS_REFUSED) => self.differ("bindings", &error).await,
            other => other.map(drop),
        }
    }

    /// Whether a declaration was refused in a way that leaves hope that what exists will do.
    async fn tolerate<T>(&mut self, declared: lapin::Result<T>, what: &str) -> Result<bool, AmqpError> {
        let error = match declared {
            Ok(_) => return Ok(false),
            Err(error) => AmqpError::doing("declaring")(error),
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
        let why = crate::lane::chain(error);
        warn!(
            what,
            why, "not as it would be declared; going on with what there is"
        );
        self.differences.push(Difference {
            what: what.to_owned(),
            why,
        });
        debug!("the refusal closed the channel; opening another");
        self.channel = connection::channel(self.connection).await?;
        Ok(())
    }
}

pub(super) fn short(name: impl Into<String>) -> Result<ShortString, AmqpError> {
    let name = name.into();
    ShortString::try_new(name.as_str()).map_err(|error| AmqpError::NotTaken {
        exchange: name,
        why: error.to_string(),
    })
}

pub(super) fn table(args: &[(String, Arg)]) -> Result<FieldTable, AmqpError> {
    let mut table = FieldTable::default();
    for (name, arg) in args {
        let value = match arg {
            Arg::Str(text) => AMQPValue::LongString(text.as_str().into()),
            Arg::Int(number) => AMQPValue::LongLongInt(*number),
            Arg::Bool(truth) => AMQPValue::Boolean(*truth),
        };
        table.insert(short(name)?, value);
    }
    Ok(table)
}
