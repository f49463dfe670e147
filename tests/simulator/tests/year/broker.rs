//! A year on lanes between RabbitMQ and PostgreSQL.

use std::{sync::Arc, time::Duration};

use producer_sdk::contract::{Outcome, headers};
use scrip::{
    clock::{Clock, ClockHandle},
    jobs::Runner,
    queries::StoreQueryHandler,
    store_ledger::StoreLedger,
    transport::amqp::{Drained, Inbound, InboundOptions},
};
use sea_orm::DatabaseConnection;
use simulator::{
    At,
    message::Message,
    model::{Expired, Granted},
    rulebook::Rulebook,
    world::midnight,
};
use testkit::{
    broker::{Inbox, TIMEOUT, TestBroker, broker_url, header},
    db::TestDatabase,
    ledger::TestLedger,
};
use tokio::time::timeout;

use crate::{nightly, play::Fixture};

/// A namespace, a database, and a worker that is stopped and started.
#[allow(clippy::struct_field_names, reason = "it is the broker's fixture")]
pub struct Broker {
    broker: TestBroker,
    ledger: TestLedger,
    replies: Inbox,
    clock: Clock,
    clock_handle: ClockHandle,
    worker: Option<Inbound>,
    runner: Runner,
    rules: Arc<ledger::Rules>,
}

impl Broker {
    pub async fn new() -> Self {
        let broker = TestBroker::start().await;
        let ledger = TestLedger::on(TestDatabase::postgres().await).await;
        let (clock, clock_handle) = Clock::manual(midnight(0));
        let namespace = broker.topology().namespace().to_owned();
        let runner = nightly::runner(
            ledger.store.clone(),
            &broker_url(),
            &namespace,
            clock.clone(),
        )
        .await;
        Self {
            replies: broker.replies().await,
            rules: Arc::new(Rulebook::on_day(0).rules()),
            broker,
            ledger,
            clock,
            clock_handle,
            worker: None,
            runner,
        }
    }
}

impl Fixture for Broker {
    async fn start(&mut self, rules: &Rulebook, _: At) {
        let topology = self.broker.topology().clone();
        let mut options = InboundOptions::new(broker_url(), topology, "worker");
        options.registration_spread = Duration::ZERO;
        options.clock = self.clock.clone();
        let catalog = Arc::new(rules.catalog());
        self.rules = catalog.rules.clone();
        self.runner.rules = catalog.rules.clone();
        let store = self.ledger.store.clone();
        let query_handler = Arc::new(StoreQueryHandler::new(store.clone(), catalog, None));
        let ledger = Arc::new(StoreLedger::new(store, self.rules.clone(), None));
        let worker = Inbound::start(options, ledger, query_handler).expect("a worker");
        timeout(TIMEOUT, worker.ready())
            .await
            .expect("registered in time");
        self.worker = Some(worker);
    }

    async fn stop(&mut self) {
        let worker = self.worker.take().expect("a worker");
        assert_eq!(worker.drain(TIMEOUT).await, Drained::Clean);
    }

    fn set(&mut self, now: At) {
        self.clock_handle.set(now);
    }

    async fn publish(&mut self, messages: &[Message]) {
        for part in messages.chunks(1000) {
            let commands: Vec<_> = part.iter().map(Message::command).collect();
            let sends = commands.iter().map(|command| {
                let properties = self.replies.reply_properties(&command.reference_id);
                self.broker.send_with(command, properties)
            });
            // Polled in order, so published in order.
            futures_util::future::join_all(sends).await;
        }
    }

    async fn answers(&mut self, count: usize) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            outcomes.push(self.replies.outcome().await);
        }
        outcomes
    }

    async fn grant(&mut self) -> Granted {
        nightly::grant(&self.runner).await
    }

    async fn expire(&mut self) -> Expired {
        nightly::expire(&self.runner).await
    }

    async fn verify(&mut self) -> bool {
        nightly::verify(&self.runner).await
    }

    fn database(&self) -> &DatabaseConnection {
        self.ledger.store.read_connection()
    }

    async fn dead(&mut self) -> Option<Vec<(String, String)>> {
        let count = self.broker.ready_in(&self.broker.topology().dead()).await;
        let mut letters = self.broker.dead_letters().await;
        let mut dead = Vec::new();
        for _ in 0..count {
            let letter = letters.next().await;
            let reference = letter
                .properties
                .message_id()
                .as_ref()
                .expect("an id")
                .to_string();
            dead.push((
                reference,
                header(&letter, headers::REASON).expect("a reason"),
            ));
        }
        Some(dead)
    }
}
