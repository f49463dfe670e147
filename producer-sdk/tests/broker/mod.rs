//! A separate namespace on the real broker, and a plain AMQP client that inspects it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod relay;
pub mod responder;

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::{BasicGetMessage, Delivery};
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use producer_sdk::amqp::arguments;
use producer_sdk::contract::{ExchangeKind, Topology};
use producer_sdk::{Client, Options, Producer};
use uuid::Uuid;

pub fn url() -> String {
    std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// Waits for a future, and panics after a time limit instead of hanging.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let limit = Duration::from_mins(1);
    let Ok(value) = tokio::time::timeout(limit, future).await else {
        panic!("{what} did not happen within {limit:?}");
    };
    value
}

pub struct Namespace {
    pub topology: Topology,
    pub connection: Connection,
    pub channel: Channel,
    more_queues: Vec<String>,
}

/// Runs a test in a fully declared namespace, and deletes it afterwards, also after a panic.
pub async fn in_namespace<F>(test: impl FnOnce(Namespace) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let namespace = Namespace::declare().await;
    let (topology, more) = (namespace.topology.clone(), namespace.more_queues.clone());
    let result = tokio::spawn(test(namespace)).await;
    delete(&topology, &more).await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic.into_panic());
    }
}

async fn connect() -> Connection {
    Connection::connect(&url(), ConnectionProperties::default())
        .await
        .expect("a broker to connect to")
}

impl Namespace {
    async fn declare() -> Self {
        let topology = Topology::new(format!("test-{}", Uuid::now_v7()), 1).expect("a topology");
        let connection = connect().await;
        let channel = connection.create_channel().await.expect("a channel");
        declare(&channel, &topology).await;
        let full = topology.namespace().to_owned() + ".full";
        let mut args = FieldTable::default();
        args.insert("x-max-length".into(), AMQPValue::LongInt(1));
        args.insert(
            "x-overflow".into(),
            AMQPValue::LongString("reject-publish".into()),
        );
        channel
            .queue_declare(full.as_str().into(), QueueDeclareOptions::durable(), args)
            .await
            .expect("a queue that fills up");
        Self {
            topology,
            connection,
            channel,
            more_queues: vec![full],
        }
    }

    /// The name of a queue that accepts one message and refuses the next.
    pub fn full_queue(&self) -> &str {
        &self.more_queues[0]
    }

    pub fn options(&self) -> Options {
        Options {
            namespace: self.topology.namespace().to_owned(),
            ..Options::default()
        }
    }

    pub async fn producer(&self) -> Producer {
        Producer::connect(&url(), self.options())
            .await
            .expect("a producer")
    }

    pub async fn client(&self) -> Client {
        Client::connect(&url(), self.options())
            .await
            .expect("a client")
    }

    /// Makes the namespace belong to the ledger with this id.
    pub async fn give_to_ledger(&self, id: Uuid) {
        let spec = self.topology.ledger_queue(id);
        let name = spec.name.as_str();
        self.channel
            .queue_delete(name.into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
        let options = QueueDeclareOptions::durable();
        self.channel
            .queue_declare(
                name.into(),
                options,
                arguments(&spec.args).expect("short names"),
            )
            .await
            .expect("declared");
    }

    /// Takes one message from a queue that allows it. A queue with a single active consumer does
    /// not.
    pub async fn get(&self, queue: &str) -> Option<BasicGetMessage> {
        let options = BasicGetOptions { no_ack: true };
        self.channel
            .basic_get(queue.into(), options)
            .await
            .expect("a get")
    }

    /// All messages that are in a queue now, in order, up to an end mark that this function
    /// publishes.
    pub async fn read(&self, queue: &str) -> Vec<Delivery> {
        const END: &[u8] = b"end";
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        self.channel
            .basic_publish("".into(), queue.into(), options, END, properties)
            .await
            .expect("published");
        let options = BasicConsumeOptions {
            no_ack: true,
            ..Default::default()
        };
        let args = FieldTable::default();
        let mut consumer = self
            .channel
            .basic_consume(queue.into(), "".into(), options, args)
            .await
            .expect("a subscription");
        let mut read = Vec::new();
        soon("the end mark", async {
            while let Some(delivery) = consumer.next().await {
                let delivery = delivery.expect("a delivery");
                if delivery.data == END {
                    break;
                }
                read.push(delivery);
            }
        })
        .await;
        let options = BasicCancelOptions::default();
        self.channel
            .basic_cancel(consumer.tag(), options)
            .await
            .expect("cancelled");
        read
    }

    /// The references of the commands in the command queue, in order.
    pub async fn references(&self) -> Vec<String> {
        let reference =
            |delivery: Delivery| delivery.properties.message_id().clone().map(String::from);
        self.read(&self.topology.commands(0))
            .await
            .into_iter()
            .filter_map(reference)
            .collect()
    }
}

async fn declare(channel: &Channel, topology: &Topology) {
    for exchange in topology.exchanges() {
        let kind = match exchange.kind {
            ExchangeKind::Direct => lapin::ExchangeKind::Direct,
            _ => lapin::ExchangeKind::Fanout,
        };
        let options = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let args = arguments(&exchange.args).expect("short names");
        channel
            .exchange_declare(exchange.name.as_str().into(), kind, options, args)
            .await
            .expect("an exchange");
    }
    for queue in topology.queues() {
        let options = QueueDeclareOptions {
            durable: queue.durable,
            ..Default::default()
        };
        channel
            .queue_declare(
                queue.name.as_str().into(),
                options,
                arguments(&queue.args).expect("short names"),
            )
            .await
            .expect("a queue");
    }
    for binding in topology.bindings() {
        channel
            .queue_bind(
                binding.queue.as_str().into(),
                binding.exchange.as_str().into(),
                binding.routing_key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a binding");
    }
}

async fn delete(topology: &Topology, more_queues: &[String]) {
    let connection = connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    let queues = topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .chain(more_queues.iter().cloned())
        .chain([topology.ledger()]);
    for queue in queues {
        channel
            .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
    }
    for exchange in topology.exchanges() {
        let options = ExchangeDeleteOptions::default();
        channel
            .exchange_delete(exchange.name.as_str().into(), options)
            .await
            .expect("deleted");
    }
}
