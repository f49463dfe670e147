//! A broker with the users of `docker-compose.yml`, and connections as each of them.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ErrorKind,
    options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use producer_sdk::{Client, Options, Producer, contract::Topology};
use tests::{broker::PATIENCE, servers::Server};
use tokio::time::{sleep, timeout};

use crate::definitions;

/// With a dot, which is to stand for itself.
pub const NAMESPACE: &str = "till.v1";

/// What the broker says to those who may not.
pub const ACCESS_REFUSED: u16 = 403;
/// What it says of another connection's exclusive queue.
pub const RESOURCE_LOCKED: u16 = 405;
/// What it says of a property that is not true.
pub const PRECONDITION_FAILED: u16 = 406;

/// A broker of the test's own.
pub struct Stage {
    server: Server,
    topology: Topology,
}

impl Stage {
    /// With the users that Compose's broker has.
    pub async fn new() -> Self {
        let stage = Self {
            server: Server::start("rabbitmq").await,
            topology: Topology::new(NAMESPACE, 2).expect("a good namespace"),
        };
        let definitions = definitions::of_the_broker(&[
            ("SCRIP_NAMESPACE", NAMESPACE),
            ("RABBITMQ_PASSWORD", "of-scrip"),
            ("RABBITMQ_WORKER_PASSWORD", "of-worker"),
            ("RABBITMQ_BRIDGE_PASSWORD", "of-bridge"),
            ("RABBITMQ_APP_PASSWORD", "of-app"),
        ]);
        stage
            .import(&definitions, &["scrip", "worker", "bridge", "app"])
            .await;
        stage
    }

    /// The same, with everything declared by the worker.
    pub async fn declared() -> Self {
        let stage = Self::new().await;
        let declared = scrip::amqp::topology::declare_at(&stage.url("worker"), &stage.topology).await;
        assert_eq!(declared.expect("declares"), []);
        stage
    }

    /// Lets users in, each with the password `of-{name}`; waits until they are.
    pub async fn import(&self, definitions: &str, users: &[&str]) {
        self.server.administer(&["import_definitions"], definitions).await;
        let let_in = timeout(PATIENCE, async {
            for user in users {
                // The broker has no event for this.
                while self.try_connect(user).await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        });
        assert!(let_in.await.is_ok(), "{users:?} are not let in");
    }

    /// What `rabbitmqctl` says to these arguments.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        self.server.ctl(arguments).await
    }

    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The broker, as a user.
    pub fn url(&self, user: &str) -> String {
        self.server
            .url()
            .replace("guest:guest", &format!("{user}:of-{user}"))
    }

    async fn try_connect(&self, user: &str) -> lapin::Result<Connection> {
        Connection::connect(&self.url(user), ConnectionProperties::default()).await
    }

    /// A connection as a user.
    pub async fn connect(&self, user: &str) -> Connection {
        self.try_connect(user).await.expect("a user of the broker")
    }

    /// A client as a user. What is refused has to be told long before its time is up.
    pub async fn client(&self, user: &str) -> Client {
        let client = Client::connect(&self.url(user), Self::options()).await;
        client.expect("a user of the broker")
    }

    /// A producer as a user. What is refused has to be told long before its time is up.
    pub async fn producer(&self, user: &str) -> Producer {
        let producer = Producer::connect(&self.url(user), Self::options()).await;
        producer.expect("a user of the broker")
    }

    fn options() -> Options {
        Options {
            namespace: NAMESPACE.to_owned(),
            confirm_timeout: PATIENCE * 10,
            deadline: PATIENCE * 10,
            ..Options::default()
        }
    }
}

/// A channel that confirms.
pub async fn channel(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.expect("a channel");
    let confirms = channel.confirm_select(ConfirmSelectOptions::default()).await;
    confirms.expect("confirms");
    channel
}

/// Publishes, and waits for what the broker says to it.
pub async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> lapin::Result<()> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let confirm = channel
        .basic_publish(exchange.into(), key.into(), mandatory, body, properties)
        .await?;
    confirm.await.map(drop)
}

/// A queue for replies, as the SDK has one.
pub async fn reply_queue(channel: &Channel) -> (String, Consumer) {
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await;
    let name = queue.expect("a queue").name().clone();
    let consumer = channel
        .basic_consume(
            name.clone(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await;
    (name.to_string(), consumer.expect("a subscription"))
}

/// The next message's body.
pub async fn next(consumer: &mut Consumer) -> Vec<u8> {
    let message = timeout(PATIENCE, consumer.next()).await.expect("a reply in time");
    message.expect("the queue goes on").expect("no error").data
}

/// The broker's code, where it refused.
pub fn code<T>(result: &lapin::Result<T>) -> Option<u16> {
    match result.as_ref().err()?.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
