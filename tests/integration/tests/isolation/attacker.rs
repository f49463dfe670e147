//! An attacker with the credentials of an app.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::{Client, Command};
use testkit::{broker::TIMEOUT, process::take_logs, raw_amqp::RawClient};
use tokio::time::{Instant, sleep};

use crate::{
    case::{Case, Expected, MALLORY, TIMES},
    fixture::Fixture,
};

/// Sends hostile messages. After each kind it sends a valid one, which shows that the worker has
/// processed the others.
pub struct Attacker<'a> {
    fixture: &'a Fixture,
    url: String,
    client: Client,
    /// A client of an innocent app. The attacker itself exceeds its limit of result bytes and gets
    /// no replies at the end.
    observer: Client,
    honest: usize,
    /// A reply queue of the attacker that has no consumer.
    pub unread: String,
    _connection: Connection,
}

impl<'a> Attacker<'a> {
    pub async fn new(fixture: &'a Fixture) -> Self {
        let url = fixture.url(MALLORY);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await;
        let connection = connection.expect("a user of the broker");
        let channel = connection.create_channel().await.expect("a channel");
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare("".into(), exclusive, FieldTable::default())
            .await;
        Self {
            fixture,
            url,
            client: fixture.client(MALLORY).await,
            observer: fixture.client("app").await,
            honest: 0,
            unread: queue.expect("a queue").name().to_string(),
            _connection: connection,
        }
    }

    /// Sends the message of a case [`TIMES`] times.
    pub async fn publish(&self, case: &Case) {
        let mut client = None;
        for n in 0..TIMES {
            let mut open = match client.take() {
                Some(open) => open,
                None => RawClient::connect_to(&self.url).await,
            };
            if case.awaits_direct_replies && n == 0 {
                open.await_direct_replies().await;
            }
            let properties = case.properties(n, open.frame_max());
            let body = (case.body)(&case.reference(n));
            let sent = open.publish(&case.exchange, &case.routing_key, &properties, &body);
            let sent = sent.await;
            if case.expected == Expected::RefusedByBroker {
                let is_taken = sent.is_ok() && open.finish().await;
                assert!(!is_taken, "{}: the broker accepts it", case.name);
                continue;
            }
            sent.unwrap_or_else(|error| panic!("{}: {error}", case.name));
            client = Some(open);
        }
        if let Some(client) = client {
            assert!(
                client.finish().await,
                "{}: the broker refuses it",
                case.name
            );
        }
    }

    /// Waits until the broker and the worker have processed all messages so far. The broker has no
    /// event for a dead letter.
    pub async fn settle(&mut self, cases: &[Case]) {
        self.honest += 1;
        let honest = Command::consume(format!("honest-{}", self.honest), MALLORY, "s").amount(1);
        self.client.send(&honest).await.expect("an outcome");
        self.observer.packages().await.expect("an answer");
        let letters = cases
            .iter()
            .filter(|case| matches!(case.expected, Expected::DeadLetter { .. }));
        let expected = letters.count() * TIMES;
        let began = Instant::now();
        loop {
            let actual = self.fixture.ready_in(&self.fixture.topology.dead()).await;
            if actual == expected {
                return;
            }
            if actual > expected || began.elapsed() > TIMEOUT {
                let last = cases.last().map(|case| &case.name);
                let logs = take_logs().concat();
                panic!(
                    "{actual} dead letters, expected {expected}, after {last:?}; the \
                     worker:\n{logs}"
                );
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}
