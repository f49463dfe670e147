//! A broker with the users of `docker-compose.yml`, and connections as each of them.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ErrorKind,
    options::{
        BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use producer_sdk::{Client, Options, Producer, contract::Topology};
use testkit::{broker::TIMEOUT, servers::Server};
use tokio::time::{sleep, timeout};

use crate::definitions;

/// A namespace with a dot, which must be escaped in the permissions.
pub const NAMESPACE: &str = "till.v1";

/// The broker's code for a missing permission.
pub const ACCESS_REFUSED: u16 = 403;
/// The broker's code for an exclusive queue of another connection.
pub const RESOURCE_LOCKED: u16 = 405;
/// The broker's code for a wrong property, such as another user's name in `user_id`.
pub const PRECONDITION_FAILED: u16 = 406;

/// A broker that belongs to one test.
pub struct Fixture {
    server: Server,
    topology: Topology,
}

impl Fixture {
    /// A broker with the users of the Compose file.
    pub async fn new() -> Self {
        let fixture = Self {
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
        fixture
            .import(&definitions, &["scrip", "worker", "bridge", "app"])
            .await;
        fixture
    }

    /// Like [`Fixture::new`], with the topology declared by the user of the worker.
    pub async fn declared() -> Self {
        let fixture = Self::new().await;
        let declared =
            scrip::transport::amqp::topology::declare_at(&fixture.url("worker"), &fixture.topology)
                .await;
        assert_eq!(declared.expect("declares"), []);
        fixture
    }

    /// Imports users, each with the password `of-{name}`, and waits until they can connect.
    pub async fn import(&self, definitions: &str, users: &[&str]) {
        self.server
            .administer(&["import_definitions"], definitions)
            .await;
        let accepted = timeout(TIMEOUT, async {
            for user in users {
                // The broker has no event for this.
                while self.try_connect(user).await.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        });
        assert!(accepted.await.is_ok(), "{users:?} cannot connect");
    }

    /// Runs `rabbitmqctl` and returns its output.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        self.server.ctl(arguments).await
    }

    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The URL of the broker for a user.
    pub fn url(&self, user: &str) -> String {
        self.server
            .url()
            .replace("guest:guest", &format!("{user}:of-{user}"))
    }

    async fn try_connect(&self, user: &str) -> lapin::Result<Connection> {
        Connection::connect(&self.url(user), ConnectionProperties::default()).await
    }

    /// A connection of a user.
    pub async fn connect(&self, user: &str) -> Connection {
        self.try_connect(user).await.expect("a user of the broker")
    }

    /// A client of a user. Its timeout is long, because a refusal must arrive long before it.
    pub async fn client(&self, user: &str) -> Client {
        let client = Client::connect(&self.url(user), Self::options()).await;
        client.expect("a user of the broker")
    }

    /// A producer of a user. Its timeout is long, because a refusal must arrive long before it.
    pub async fn producer(&self, user: &str) -> Producer {
        let producer = Producer::connect(&self.url(user), Self::options()).await;
        producer.expect("a user of the broker")
    }

    fn options() -> Options {
        Options {
            namespace: NAMESPACE.to_owned(),
            confirm_timeout: TIMEOUT * 10,
            deadline: TIMEOUT * 10,
            ..Options::default()
        }
    }
}

/// A channel with publisher confirms.
pub async fn channel(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.expect("a channel");
    let confirms = channel
        .confirm_select(ConfirmSelectOptions::default())
        .await;
    confirms.expect("confirms");
    channel
}

/// Publishes a message and waits for the broker's response.
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

/// A reply queue like the SDK's.
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

/// Waits for the next message and returns its body.
pub async fn next(consumer: &mut Consumer) -> Vec<u8> {
    let message = timeout(TIMEOUT, consumer.next())
        .await
        .expect("a reply in time");
    message.expect("the queue goes on").expect("no error").data
}

/// The broker's code of a refusal; `None` if there is no refusal.
pub fn code<T>(result: &lapin::Result<T>) -> Option<u16> {
    match result.as_ref().err()?.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}
