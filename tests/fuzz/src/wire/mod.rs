//! Publishes messages of any bytes to a real worker, without an AMQP library.
//!
//! A seed determines a round. A round publishes hostile messages through every exchange that apps
//! may write to, and commands of another user before, between and after them. The commands must be
//! applied within seconds, and none of them may become a dead letter. The worker must keep its
//! connections, and `scrip dead list` must be able to read every dead letter.

mod message;

use std::time::Duration;

use producer_sdk::contract::Command;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tokio::time::{Instant, sleep};

use self::message::{Message, Target};
use simulator::rng::Rng;
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::{Deployment, Worker},
    raw_amqp::RawClient,
};

/// Seeds that found an error once, one per line. The text after a seed describes the error.
const CORPUS: &str = include_str!("../../seeds/wire.txt");

const MESSAGES: i64 = 20;
const COMMANDS: i64 = 3 * MESSAGES;
/// The time after the last command of the innocent user within which all of them must be applied.
const WITHIN: Duration = Duration::from_secs(10);
const GOOD: &str = "good-user";
const FUNDS: i64 = 1_000_000_000;
/// The log lines of a worker that lost a connection.
const LOST: [&str; 3] = [
    "broker connection lost",
    "publishing interrupted",
    "job queue cannot be served",
];

/// The seeds of the corpus.
pub fn corpus() -> Vec<u64> {
    let seed = |line: &str| line.split_whitespace().next()?.parse().ok();
    CORPUS.lines().filter_map(seed).collect()
}

/// Plays rounds against its own broker namespace, database and worker.
pub struct WireFuzzer {
    broker: TestBroker,
    ledger: DatabaseConnection,
    deployment: Deployment,
    worker: Worker,
    rounds: u64,
    _database: TestDatabase,
}

impl WireFuzzer {
    /// Starts the worker and gives credits to the innocent user.
    pub async fn start() -> Self {
        let broker = TestBroker::start().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let namespace = broker.topology().namespace().to_owned();
        let deployment = Deployment::on_servers(&broker_url(), database.url(), &namespace);
        let worker = deployment.ready_worker().await;
        broker
            .send(&Command::purchase_credits("funds", GOOD, FUNDS, "funds"))
            .await;
        Self {
            broker,
            ledger: database.connect().await,
            deployment,
            worker,
            rounds: 0,
            _database: database,
        }
    }

    /// Plays one round. The error says which expectation did not hold.
    pub async fn round(&mut self, seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        self.rounds += 1;
        let reference = format!("good-{}", self.rounds);
        let frame_max = RawClient::connect().await.frame_max();
        for n in 0..MESSAGES {
            let message = Message::random(&mut rng, frame_max);
            self.good(&reference, n * 3).await;
            self.publish(&message).await;
            self.good(&reference, n * 3 + 1).await;
            self.good(&reference, n * 3 + 2).await;
        }
        self.applied(&reference).await?;
        if let Some(lost) = LOST.iter().find(|lost| self.worker.times_logged(lost) > 0) {
            return Err(format!("the worker logged: {lost}"));
        }
        let letters = self
            .deployment
            .run(&["--json", "dead", "list", "--user", GOOD])
            .await;
        if !letters.status.success() || !letters.stdout.is_empty() {
            let printed = [letters.stdout, letters.stderr].concat();
            return Err(format!(
                "scrip dead list: {}",
                String::from_utf8_lossy(&printed)
            ));
        }
        Ok(())
    }

    /// Stops the worker, which must end with success, and verifies the ledger.
    pub async fn finish(self) {
        assert!(self.worker.terminate().await.success());
        self.deployment.succeed(&["verify"]).await;
    }

    async fn good(&self, reference: &str, n: i64) {
        let reference = format!("{reference}-{n}");
        self.broker
            .send(&Command::consume(reference, GOOD, "s").amount(1))
            .await;
    }

    async fn publish(&self, message: &Message) {
        let topology = self.broker.topology();
        let exchange = match message.target {
            Target::Usage => topology.usage(),
            Target::Funding => topology.funding(),
            Target::Queries => topology.queries(),
            Target::Queue(name) => {
                // Without the exchanges, as the administrator's own tools may do.
                let key = format!("{}.{name}", topology.namespace());
                return self.publish_to("", key.as_bytes(), message).await;
            }
        };
        self.publish_to(&exchange, &message.routing_key, message)
            .await;
    }

    async fn publish_to(&self, exchange: &str, routing_key: &[u8], message: &Message) {
        let mut client = RawClient::connect().await;
        if message.awaits_direct_reply {
            client.await_direct_replies().await;
        }
        let sent = client
            .publish(exchange, routing_key, &message.properties, &message.body)
            .await;
        // The broker may refuse the message, which ends only the sender's connection.
        if sent.is_ok() {
            client.finish().await;
        }
    }

    /// Waits until all commands of a round are applied, or returns an error after [`WITHIN`]. The
    /// database has no event for this.
    async fn applied(&self, reference: &str) -> Result<(), String> {
        let sql = format!(
            "SELECT count(*) AS n FROM credits_transaction \
             WHERE user_id = '{GOOD}' AND status = 'COMPLETED' \
             AND reference_id LIKE '{reference}-%'"
        );
        let began = Instant::now();
        loop {
            let statement = Statement::from_string(self.ledger.get_database_backend(), &sql);
            let row = self.ledger.query_one_raw(statement).await.expect("a query");
            let applied: i64 = row.expect("a row").try_get("", "n").expect("a number");
            if applied == COMMANDS {
                return Ok(());
            }
            if began.elapsed() > WITHIN {
                return Err(format!(
                    "{applied} of {COMMANDS} commands are applied after {WITHIN:?}"
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
