//! Publishes as fast as the broker confirms. Like the SDK, it does not wait for each confirm.

use std::collections::VecDeque;

use futures_util::{FutureExt, future::BoxFuture};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use producer_sdk::contract::{QUERY_KEY, Topology, bucket};
use testkit::broker::TestBroker;

use crate::workload::Message;

/// The maximum number of unconfirmed messages.
const WINDOW: usize = 2_000;

/// A published message that waits for its confirm.
type Confirming = BoxFuture<'static, lapin::Result<Confirmation>>;

/// A connection that publishes messages in order with publisher confirms.
pub struct Publisher {
    connection: Connection,
    channel: Channel,
    topology: Topology,
    /// The reply queue for queries.
    reply_to: String,
    unconfirmed: VecDeque<Confirming>,
}

impl Publisher {
    /// Connects to a broker.
    pub async fn to(broker: &TestBroker) -> Self {
        let connection = connect(broker).await;
        let channel = connection.create_channel().await.expect("a channel");
        let confirming = channel.confirm_select(ConfirmSelectOptions::default());
        confirming.await.expect("confirms");
        Self {
            connection,
            channel,
            topology: broker.topology().clone(),
            reply_to: String::new(),
            unconfirmed: VecDeque::with_capacity(WINDOW),
        }
    }

    /// Sets the reply queue for queries.
    pub fn reply_to(&mut self, queue: &str) {
        queue.clone_into(&mut self.reply_to);
    }

    /// Publishes a message as soon as the window has space.
    pub async fn publish(&mut self, message: &Message) {
        if self.unconfirmed.len() >= WINDOW {
            self.confirm_first().await;
        }
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let (exchange, key, properties, body) = match message {
            Message::Command(command) => (
                self.topology.exchange(command.origin()),
                bucket(&command.user_id).to_string(),
                persistent.with_type(command.kind().as_str().into()),
                command.to_json(),
            ),
            Message::Query(query) => (
                self.topology.queries(),
                QUERY_KEY.to_owned(),
                BasicProperties::default()
                    .with_reply_to(self.reply_to.as_str().into())
                    .with_correlation_id("q".into()),
                query.to_json(),
            ),
        };
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let channel = self.channel.clone();
        let mut confirming: Confirming = Box::pin(async move {
            let published =
                channel.basic_publish(exchange.into(), key.into(), options, &body, properties);
            published.await?.await
        });
        // The first poll queues the frames. There is no need to wait until they are written.
        match (&mut confirming).now_or_never() {
            None => self.unconfirmed.push_back(confirming),
            Some(confirmed) => expect_ack(&confirmed),
        }
    }

    /// Waits until everything is confirmed.
    pub async fn confirmed(&mut self) {
        while !self.unconfirmed.is_empty() {
            self.confirm_first().await;
        }
    }

    /// Waits until everything is confirmed, then disconnects.
    pub async fn close(mut self) {
        self.confirmed().await;
        let _ = self.connection.close(200, "bye".into()).await;
    }

    async fn confirm_first(&mut self) {
        if let Some(first) = self.unconfirmed.pop_front() {
            expect_ack(&first.await);
        }
    }
}

fn expect_ack(confirmed: &lapin::Result<Confirmation>) {
    assert!(
        matches!(confirmed, Ok(Confirmation::Ack(None))),
        "{confirmed:?}"
    );
}

/// Opens a new connection.
pub async fn connect(broker: &TestBroker) -> Connection {
    let properties = ConnectionProperties::default();
    Connection::connect(broker.url(), properties)
        .await
        .expect("a broker")
}

/// Publishes messages and waits until all are confirmed.
pub async fn fill(broker: &TestBroker, messages: impl Iterator<Item = Message>) {
    let mut publisher = Publisher::to(broker).await;
    for message in messages {
        publisher.publish(&message).await;
    }
    publisher.close().await;
}
