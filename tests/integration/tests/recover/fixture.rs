//! A worker on a PostgreSQL primary with a standby, and commands for it.

use std::{net::SocketAddr, time::Duration};

use producer_sdk::Command;
use scrip::transport::amqp::read_positions_at;
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use serde_json::Value;
use testkit::{
    broker::{TIMEOUT, TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
    replica::Replica,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Number of users.
pub const USERS: usize = 10;
/// What a worker logs if the book is behind.
pub const BEHIND: &str = "the database lacks commits that were acknowledged";

const EVERY: Duration = Duration::from_millis(20);

/// A primary with a standby, a namespace, and the configuration of workers on both.
pub struct Fixture {
    pub deployment: Deployment,
    pub broker: TestBroker,
    // Dropped before its server.
    database: TestDatabase,
    pub replica: Replica,
    address: SocketAddr,
}

impl Fixture {
    /// `retain` is the time for which commands are retained.
    pub async fn new(synchronous: bool, retain: Option<&str>) -> Self {
        let replica = Replica::start(synchronous).await;
        let database = TestDatabase::postgres_at(replica.url())
            .await
            .migrated()
            .await;
        let broker = TestBroker::start().await;
        let mut deployment = Deployment::on_servers(
            &broker_url(),
            &database.worker_url(),
            broker.topology().namespace(),
        );
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        deployment.set("SCRIP__HEALTH__LISTEN", &address.to_string());
        deployment.set("SCRIP__LEDGER__MAX_USER_BALANCE", "1000000");
        for job in ["GRANT", "EXPIRE", "VERIFY"] {
            deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
        }
        if let Some(retain) = retain {
            deployment.set("SCRIP__RECOVERY__RETAIN", retain);
        }
        Self {
            deployment,
            broker,
            database,
            replica,
            address,
        }
    }

    /// Waits until the stream exists and takes commands.
    pub async fn until_retained(&self) {
        let (url, topology) = (self.broker.url(), self.broker.topology());
        self.until("the stream", async || {
            let retained = scrip::transport::amqp::Retained::open(url, topology.clone());
            match retained.await.unwrap() {
                Some(retained) => {
                    retained.close().await;
                    true
                }
                None => false,
            }
        })
        .await;
        // The bindings follow the declaration on the same connection.
        self.deployment.succeed(&["topology", "declare"]).await;
        // The range of a loss begins in a later second than the stream.
        sleep(Duration::from_secs(2)).await;
    }

    /// Publishes commands in order, and waits until each is in the database.
    pub async fn apply(&self, commands: &[Command]) {
        self.broker.send_all(commands).await;
        for command in commands {
            self.until(&command.reference_id, async || {
                self.transaction(&command.reference_id).await.is_some()
            })
            .await;
        }
    }

    /// Waits until the broker has the position of a command or a later one.
    pub async fn until_remembered(&self, reference: &str) {
        let (url, topology) = (self.broker.url(), self.broker.topology());
        let id = self.transaction(reference).await.expect("it is applied");
        self.until("a position", async || {
            let all = read_positions_at(url, topology).await.unwrap();
            let mut ids = all.iter().flat_map(|worker| worker.transactions.ids());
            ids.any(|other| *other >= id)
        })
        .await;
    }

    /// Runs `scrip recover` and returns its report.
    pub async fn recover(&self, arguments: &[&str]) -> Value {
        let arguments = [&["recover", "--json"], arguments].concat();
        let report = self.deployment.succeed(&arguments).await;
        serde_json::from_str(&report).unwrap()
    }

    /// The length of the lost range, as the worker reports it in `/readyz`. It must be ready.
    pub async fn behind_seconds(&self) -> f64 {
        let address = format!("http://{}", self.address);
        let mut seconds = None;
        self.until("a check", async || {
            let output = self.deployment.run(&["health", "--json"]).await;
            let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            seconds = report["checks"]["acknowledged"]["behindSeconds"].as_f64();
            seconds.is_some() && report["ok"] == true
        })
        .await;
        seconds.unwrap_or_else(|| panic!("no check at {address}"))
    }

    async fn transaction(&self, reference: &str) -> Option<Uuid> {
        let sql = "SELECT id FROM credits_transaction WHERE reference_id = $1";
        let rows = self.query(sql, vec![reference.into()]).await;
        rows.first().map(|row| row.try_get_by_index(0).unwrap())
    }

    /// Queries until the server answers: after a failover the pool has dead connections.
    async fn query(&self, sql: &str, values: Vec<sea_orm::Value>) -> Vec<QueryResult> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let backend = self.database.backend();
            let statement = Statement::from_sql_and_values(backend, sql, values.clone());
            match self.database.connection().query_all_raw(statement).await {
                Ok(rows) => return rows,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            sleep(EVERY).await;
        }
    }

    /// Waits until something holds. There is no event for it.
    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !holds().await {
            assert!(Instant::now() < deadline, "{what} does not come");
            sleep(EVERY).await;
        }
    }
}

/// The balance of each user.
pub async fn balances(fixture: &Fixture) -> Vec<i64> {
    let sql = "SELECT balance FROM credits_balance ORDER BY user_id";
    let rows = fixture.query(sql, Vec::new()).await;
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// Adds credits to a user, whose wallet it opens.
pub fn grant(user: usize, credits: i64) -> Command {
    Command::promotion(format!("grant-{user}"), format!("user-{user}"), credits)
}

/// Spends credits of the user that this number belongs to.
pub fn consume(number: usize, credits: i64) -> Command {
    let user = format!("user-{}", number % USERS);
    Command::consume(format!("consume-{number}"), user, "google:chat").amount(credits)
}
