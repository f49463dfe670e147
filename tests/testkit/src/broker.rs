//! A namespace on the real broker for each test. It is removed when the test ends, also after a
//! panic.

use std::{env, thread, time::Duration};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
        ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
    },
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{BUCKETS, Command, Origin, Outcome, Reply, Topology, bucket};
use tokio::time::timeout;
use uuid::Uuid;

/// The time limit for everything that a test awaits.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// The URL of the tests' broker: `AMQP_URL`, or the local default.
pub fn broker_url() -> String {
    env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// A namespace that belongs to one test.
pub struct TestBroker {
    url: String,
    topology: Topology,
    connection: Connection,
    channel: Channel,
}

impl TestBroker {
    /// A new namespace with one shard; its exchanges and queues are declared.
    pub async fn start() -> Self {
        Self::with_shards(1).await
    }

    /// A new namespace with `shards` shards; its exchanges and queues are declared.
    pub async fn with_shards(shards: u32) -> Self {
        let broker = Self::undeclared(shards).await;
        scrip::transport::amqp::topology::declare(&broker.connection, &broker.topology)
            .await
            .expect("declares");
        broker
    }

    /// A new namespace with one shard on the broker at `url`. Its exchanges and queues are
    /// declared.
    pub async fn at(url: &str) -> Self {
        let broker = Self::undeclared_at(url, 1).await;
        broker.declare().await;
        broker
    }

    /// A new namespace without exchanges and queues.
    pub async fn undeclared(shards: u32) -> Self {
        Self::undeclared_at(&broker_url(), shards).await
    }

    async fn undeclared_at(url: &str, shards: u32) -> Self {
        let namespace = format!("test-{}", Uuid::now_v7().simple());
        let topology = Topology::new(namespace, shards).expect("a good namespace");
        let (connection, channel) = confirming(url).await;
        Self {
            url: url.to_owned(),
            topology,
            connection,
            channel,
        }
    }

    /// Changes the number of shards, and declares the topology as a worker does.
    pub async fn reshard(&mut self, shards: u32) {
        self.topology =
            Topology::new(self.topology.namespace(), shards).expect("a good number of shards");
        let declared = scrip::transport::amqp::topology::declare_at(&self.url, &self.topology);
        declared.await.expect("declares");
    }

    /// Changes the number of shards that the test assumes, without declaring anything.
    pub fn assume_shards(&mut self, shards: u32) {
        self.topology =
            Topology::new(self.topology.namespace(), shards).expect("a good number of shards");
    }

    async fn declare(&self) {
        scrip::transport::amqp::topology::declare(&self.connection, &self.topology)
            .await
            .expect("declares");
    }

    /// Connects again after the broker was unreachable.
    pub async fn reconnect(&mut self) {
        (self.connection, self.channel) = confirming(&self.url).await;
    }

    /// The broker's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The names of the exchanges and queues.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The test's own connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Publishes a command as a producer does, and waits for the confirm.
    pub async fn send(&self, command: &Command) {
        self.send_with(command, BasicProperties::default()).await;
    }

    /// Publishes commands in order, as a producer does, and waits for the confirms.
    pub async fn send_all(&self, commands: &[Command]) {
        let sends = commands.iter().map(|command| self.send(command));
        // Polled in order, so published in order.
        futures_util::future::join_all(sends).await;
    }

    /// Publishes a command with additional properties, and waits for the confirm.
    pub async fn send_with(&self, command: &Command, properties: BasicProperties) {
        let exchange = self.topology.exchange(command.origin());
        let key = bucket(&command.user_id).to_string();
        let properties = properties
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_message_id(command.reference_id.as_str().into());
        self.publish(&exchange, &key, &command.to_json(), properties)
            .await;
    }

    /// Publishes any body through the exchange of an origin, with the routing key of bucket 0.
    pub async fn send_body(&self, origin: Origin, body: &[u8]) {
        self.publish(
            &self.topology.exchange(origin),
            "0",
            body,
            BasicProperties::default(),
        )
        .await;
    }

    /// Publishes any body to any exchange, and waits for the confirm.
    pub async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let confirmed = async {
            self.channel
                .basic_publish(exchange.into(), key.into(), mandatory, body, properties)
                .await
                .expect("publishes")
                .await
                .expect("confirms")
        };
        let confirmation = timeout(TIMEOUT, confirmed)
            .await
            .expect("a confirm in time");
        assert!(
            matches!(confirmation, Confirmation::Ack(None)),
            "{exchange} {key}: {confirmation:?}"
        );
    }

    /// A new exclusive reply queue.
    pub async fn replies(&self) -> Inbox {
        let channel = self.connection.create_channel().await.expect("a channel");
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), exclusive, FieldTable::default())
            .await
            .expect("a queue");
        Inbox::open(channel, queue.name().as_str()).await
    }

    /// A consumer of the dead-letter queue.
    pub async fn dead_letters(&self) -> Inbox {
        self.inbox(&self.topology.dead()).await
    }

    /// A consumer of the queue `queue`.
    pub async fn inbox(&self, queue: &str) -> Inbox {
        let channel = self.connection.create_channel().await.expect("a channel");
        Inbox::open(channel, queue).await
    }

    /// Deletes the ready messages of a queue. Unacknowledged messages stay.
    pub async fn purge(&self, queue: &str) {
        let channel = self.connection.create_channel().await.expect("a channel");
        let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default());
        purged.await.expect("purges");
    }

    /// The number of ready messages in a queue. Unacknowledged messages do not count.
    pub async fn ready_in(&self, queue: &str) -> u32 {
        let channel = self.connection.create_channel().await.expect("a channel");
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await;
        declared.expect("the queue exists").message_count()
    }

    /// Waits until a queue has exactly `expected` ready messages. The broker has no event for this.
    pub async fn wait_for_ready(&self, queue: &str, expected: u32) {
        let mut last = None;
        let reached = timeout(TIMEOUT, async {
            loop {
                let ready = self.ready_in(queue).await;
                last = Some(ready);
                if ready == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(
            reached.await.is_ok(),
            "{queue} has {last:?} messages, expected {expected}"
        );
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let (url, topology) = (self.url.clone(), self.topology.clone());
        // In a separate thread, because this code cannot wait for the runtime of the test.
        let removed = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(remove(&url, &topology));
        });
        if removed.join().is_err() {
            eprintln!(
                "a test namespace was left behind: {}",
                self.topology.namespace()
            );
        }
    }
}

async fn confirming(url: &str) -> (Connection, Channel) {
    let connection = connect(url).await;
    let channel = connection.create_channel().await.expect("a channel");
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
    (connection, channel)
}

async fn connect(url: &str) -> Connection {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    timeout(TIMEOUT, connecting)
        .await
        .expect("a connection in time")
        .unwrap_or_else(|error| panic!("no broker: {error}"))
}

/// Removes the exchanges and queues of a namespace.
pub async fn remove(url: &str, topology: &Topology) {
    let connection = connect(url).await;
    let channel = connection.create_channel().await.expect("a channel");
    let shards = (0..BUCKETS).map(|shard| topology.commands(shard));
    for queue in topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .chain([topology.ledger(), topology.retained()])
        .chain(shards)
    {
        channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
            .expect("deletes");
    }
    for exchange in topology.exchanges() {
        channel
            .exchange_delete(exchange.name.into(), ExchangeDeleteOptions::default())
            .await
            .expect("deletes");
    }
    connection.close(200, "bye".into()).await.expect("closes");
}

/// A consumer of one queue.
pub struct Inbox {
    channel: Channel,
    inner: Consumer,
    queue: String,
}

impl Inbox {
    async fn open(channel: Channel, queue: &str) -> Self {
        let options = BasicConsumeOptions::default();
        let inner = channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default())
            .await
            .expect("subscribes");
        Self {
            channel,
            inner,
            queue: queue.to_owned(),
        }
    }

    /// The name of the queue.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Properties that request a reply to this queue.
    pub fn reply_properties(&self, correlation_id: &str) -> BasicProperties {
        BasicProperties::default()
            .with_reply_to(self.queue.as_str().into())
            .with_correlation_id(correlation_id.into())
    }

    /// Waits for the next message and leaves it unacknowledged.
    pub async fn peek(&mut self) -> Delivery {
        timeout(TIMEOUT, self.inner.next())
            .await
            .unwrap_or_else(|_| panic!("no message in {}", self.queue))
            .expect("the queue goes on")
            .expect("no error")
    }

    /// Waits for the next message and acknowledges it.
    pub async fn next(&mut self) -> Delivery {
        let message = self.peek().await;
        self.channel
            .basic_ack(message.delivery_tag, BasicAckOptions::default())
            .await
            .expect("acks");
        message
    }

    /// Waits for the next reply and acknowledges it.
    pub async fn reply(&mut self) -> Reply {
        let message = self.next().await;
        Reply::from_json(&message.data).expect("a reply")
    }

    /// Waits for the next reply; panics unless it is an outcome.
    pub async fn outcome(&mut self) -> Outcome {
        match self.reply().await {
            Reply::Outcome(outcome) => outcome,
            other => panic!("not an outcome: {other:?}"),
        }
    }

    /// Closes the channel. Unacknowledged messages return to the queue.
    pub async fn close(self) {
        self.channel.close(200, "bye".into()).await.expect("closes");
    }
}

/// A header of a message as text; `None` if the message has no such header.
pub fn header(message: &Delivery, name: &str) -> Option<String> {
    match message.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}
