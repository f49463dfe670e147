//! Publishes as fast as the broker confirms, the way the SDK does: a message is handed over and not waited for.

use std::collections::VecDeque;

use futures_util::{FutureExt, future::BoxFuture};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use producer_sdk::contract::{QUERY_KEY, Topology, bucket};
use tests::broker::TestBroker;

use crate::workload::Message;

/// Unconfirmed messages at most.
const WINDOW: usize = 2_000;

/// A message on its way, until the broker says what became of it.
type Confirming = BoxFuture<'static, lapin::Result<Confirmation>>;

/// A connection that publishes messages in order, each confirmed.
pub struct Publisher {
    connection: Connection,
    channel: Channel,
    topology: Topology,
    /// Where answers to queries go.
    reply_to: String,
    unconfirmed: VecDeque<Confirming>,
}

impl Publisher {
    /// Connects.
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

    /// Asks for the answers to queries in that queue.
    pub fn reply_to(&mut self, queue: &str) {
        queue.clone_into(&mut self.reply_to);
    }

    /// Publishes a message as soon as there is room in the window.
    pub async fn publish(&mut self, message: &Message) {
        if self.unconfirmed.len() >= WINDOW {
            self.confirm_first().await;
        }
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let (exchange, key, properties, body) = match message {
            Message::Command(command) => (
                self.topology.door(command.door()),
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
            let published = channel.basic_publish(exchange.into(), key.into(), options, &body, properties);
            published.await?.await
        });
        // The first poll queues its frames. That they are written is nothing to wait for.
        match (&mut confirming).now_or_never() {
            None => self.unconfirmed.push_back(confirming),
            Some(confirmed) => expect_taken(&confirmed),
        }
    }

    /// Waits until everything is confirmed.
    pub async fn confirmed(&mut self) {
        while !self.unconfirmed.is_empty() {
            self.confirm_first().await;
        }
    }

    /// Disconnects when everything is confirmed.
    pub async fn close(mut self) {
        self.confirmed().await;
        let _ = self.connection.close(200, "bye".into()).await;
    }

    async fn confirm_first(&mut self) {
        if let Some(first) = self.unconfirmed.pop_front() {
            expect_taken(&first.await);
        }
    }
}

fn expect_taken(confirmed: &lapin::Result<Confirmation>) {
    assert!(matches!(confirmed, Ok(Confirmation::Ack(None))), "{confirmed:?}");
}

/// A connection of its own.
pub async fn connect(broker: &TestBroker) -> Connection {
    let properties = ConnectionProperties::default();
    Connection::connect(broker.url(), properties)
        .await
        .expect("a broker")
}

/// Publishes all of them, confirmed.
pub async fn fill(broker: &TestBroker, messages: impl Iterator<Item = Message>) {
    let mut publisher = Publisher::to(broker).await;
    for message in messages {
        publisher.publish(&message).await;
    }
    publisher.close().await;
}
