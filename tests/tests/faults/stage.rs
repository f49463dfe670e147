//! A database, a namespace, the trace, and random moments.

use std::time::Duration;

use producer_sdk::{Command, Options, Producer};
use tests::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    oracle::Oracle,
    process::{Deployment, Worker},
    proxy::Proxy,
    trace,
};
use tokio::task::JoinHandle;

/// Random numbers that can be repeated (`SCRIP_SEED`).
pub struct Seed(u64);

impl Seed {
    pub fn new() -> Self {
        let given = std::env::var("SCRIP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
        println!("SCRIP_SEED={seed} repeats this run");
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("a small number")
    }
}

/// Host and port of the broker.
pub fn broker_address() -> String {
    let url = broker_url();
    let host = url.split('@').next_back().unwrap_or_default();
    host.split('/').next().unwrap_or_default().to_owned()
}

/// A database, a namespace, and the trace on its way from one to the other.
pub struct Stage {
    pub deployment: Deployment,
    pub oracle: Oracle,
    broker: TestBroker,
    /// Kept for as long as the stage.
    _database: Option<TestDatabase>,
    applied_before: std::sync::Mutex<usize>,
}

impl Stage {
    pub async fn new() -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let url = database.url().to_owned();
        Self::build(&url, &broker_url(), Some(database)).await
    }

    /// Workers reach the broker through a proxy.
    pub async fn through(proxy: &Proxy) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let url = database.url().to_owned();
        let amqp_url = broker_url().replace(&broker_address(), proxy.address());
        Self::build(&url, &amqp_url, Some(database)).await
    }

    /// On a database that the test may stop.
    pub async fn on_database(url: &str) -> Self {
        let connection = sea_orm::Database::connect(url).await.expect("the database");
        migration::up(&connection).await.expect("the schema");
        Self::build(url, &broker_url(), None).await
    }

    /// On a broker that the test may stop.
    pub async fn on_broker(url: &str) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let database_url = database.url().to_owned();
        Self::build_on(TestBroker::at(url).await, &database_url, url, Some(database)).await
    }

    /// The test's own connection to the broker, after that was away.
    pub async fn reconnect(&mut self) {
        self.broker.reconnect().await;
    }

    async fn build(database_url: &str, amqp_url: &str, database: Option<TestDatabase>) -> Self {
        Self::build_on(TestBroker::start().await, database_url, amqp_url, database).await
    }

    async fn build_on(
        broker: TestBroker,
        database_url: &str,
        amqp_url: &str,
        database: Option<TestDatabase>,
    ) -> Self {
        let deployment = Deployment::on_servers(amqp_url, database_url, broker.topology().namespace());
        let connection = sea_orm::Database::connect(database_url)
            .await
            .expect("the database");
        let oracle = Oracle {
            connection,
            commands: trace::commands(),
        };
        Self {
            deployment,
            oracle,
            broker,
            _database: database,
            applied_before: 0.into(),
        }
    }

    async fn producer(&self) -> Producer {
        let options = Options {
            namespace: self.broker.topology().namespace().to_owned(),
            confirm_timeout: Duration::from_mins(2),
            ..Options::default()
        };
        Producer::connect(self.broker.url(), options)
            .await
            .expect("a producer")
    }

    /// Publishes the trace in the background; the handle ends when all is confirmed.
    pub async fn publish(&self) -> JoinHandle<()> {
        let commands = self.oracle.commands.clone();
        let producer = self.producer().await;
        tokio::spawn(async move {
            for command in commands {
                let command = Command::from_json(command.as_bytes()).expect("a command");
                // Whether it is confirmed, `close` tells.
                drop(producer.enqueue(&command).await.expect("room in the window"));
            }
            producer.close().await.expect("all confirmed");
        })
    }

    /// Publishes the trace, and `extra` copies of commands that were published before. Returns how many it were.
    pub async fn publish_with_duplicates(&self, seed: &mut Seed, extra: usize) -> usize {
        let producer = self.producer().await;
        let commands: Vec<Command> = self
            .oracle
            .commands
            .iter()
            .map(|body| Command::from_json(body.as_bytes()).expect("a command"))
            .collect();
        let (mut sent, mut copies) = (0, 0);
        for (place, command) in commands.iter().enumerate() {
            drop(producer.enqueue(command).await.expect("room in the window"));
            sent += 1;
            while copies * commands.len() < extra * (place + 1) {
                drop(
                    producer
                        .enqueue(&commands[seed.below(place + 1)])
                        .await
                        .expect("room in the window"),
                );
                copies += 1;
                sent += 1;
            }
        }
        producer.close().await.expect("all confirmed");
        sent
    }

    /// A moment a while after the last one, as a number of applied commands; none when there is none left.
    pub fn random_moment(&self, seed: &mut Seed, within: usize) -> Option<usize> {
        let mut last = self.applied_before.lock().expect("not poisoned");
        *last += 1 + seed.below(within);
        (*last < self.oracle.commands.len()).then_some(*last)
    }

    pub async fn is_done(&self) -> bool {
        self.oracle
            .applied()
            .await
            .is_some_and(|applied| applied >= self.oracle.commands.len())
    }

    /// Waits until the worker holds or has settled everything.
    pub async fn wait_until_read(&self) {
        self.broker
            .wait_for_ready(&self.broker.topology().commands(0), 0)
            .await;
    }

    /// Everything is applied, nothing was set aside, everything is as it must be, and the queues become empty.
    pub async fn finish(self, mut worker: Worker) {
        self.oracle.check().await;
        let topology = self.broker.topology();
        // What was applied and not acknowledged when something broke comes again, as a replay.
        for _ in 0..5 {
            self.broker.wait_for_ready(&topology.delay(), 0).await;
            self.broker.wait_for_ready(&topology.commands(0), 0).await;
            assert!(worker.terminate().await.success(), "it drains");
            if self.broker.ready_in(&topology.commands(0)).await == 0 {
                break;
            }
            worker = self.deployment.ready_worker().await;
        }
        for queue in [
            topology.commands(0),
            topology.delay(),
            topology.dead(),
            topology.unrouted(),
        ] {
            assert_eq!(self.broker.ready_in(&queue).await, 0, "{queue}");
        }
        self.oracle.check().await;
    }
}
