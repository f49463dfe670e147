//! The database and the namespace of the benchmark, and a worker on both.

use std::time::Duration;

use producer_sdk::contract::Topology;
use sea_orm::{ConnectionTrait, Statement};
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker},
    slow::Slow,
};
use tokio::process::Command;

use crate::queue;

/// A package that is configured only after [`Fixture::sell`].
pub const PACKAGE: &str = "late";
/// The number of credits in the package.
pub const PACKAGE_CREDITS: i64 = 70;
/// The benchmark fails after this time without progress.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A database and a namespace. Both are removed when it is dropped.
pub struct Fixture {
    pub broker: TestBroker,
    pub timeout: Duration,
    /// The relay between the worker and the database.
    pub relay: Slow,
    deployment: Deployment,
    database: TestDatabase,
}

impl Fixture {
    /// A fixture with an empty ledger.
    pub async fn new(shards: u32) -> Self {
        Self::on(TestBroker::with_shards(shards).await).await
    }

    /// A fixture with an empty ledger and one command queue that holds at most `most` commands.
    pub async fn bounded(most: u32) -> Self {
        let broker = TestBroker::undeclared(1).await;
        queue::declare_bounded(&broker, most).await;
        Self::on(broker).await
    }

    async fn on(broker: TestBroker) -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        let relay = Slow::before(database.url()).await;
        let topology = broker.topology();
        let mut deployment =
            Deployment::on_servers(broker.url(), relay.url(), topology.namespace());
        deployment.set("SCRIP__WORKER__SHARDS", &topology.shards().to_string());
        deployment.set("SCRIP__LEDGER__MAX_USER_BALANCE", "1000000000");
        for job in ["GRANT", "EXPIRE", "VERIFY"] {
            deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
        }
        Self {
            broker,
            timeout: TIMEOUT,
            relay,
            deployment,
            database,
        }
    }

    /// Sets the maximum number of commands in a group.
    pub fn group_max(&mut self, group_max: u16) {
        self.deployment
            .set("SCRIP__WORKER__GROUP_MAX", &group_max.to_string());
    }

    /// The names of the exchanges and queues.
    pub fn topology(&self) -> &Topology {
        self.broker.topology()
    }

    /// Starts a worker and waits until it is ready.
    pub async fn worker(&self) -> Worker {
        self.deployment.ready_worker().await
    }

    /// Adds the package to the configuration of workers that are started from now on.
    pub fn sell(&self) {
        let package =
            format!("[packages.{PACKAGE}]\ncredits = {PACKAGE_CREDITS}\nvalidity_days = 90\n");
        std::fs::write(self.deployment.folder().join("scrip.toml"), package).expect("writable");
    }

    /// The `scrip` program with `arguments`.
    pub fn scrip(&self, arguments: &[&str]) -> Command {
        self.deployment.command(arguments)
    }

    /// The number of ready dead letters.
    pub async fn dead_letters(&self) -> u32 {
        self.broker.ready_in(&self.topology().dead()).await
    }

    /// The number of applied commands.
    pub async fn applied(&self) -> u32 {
        let sql = "SELECT CAST(COALESCE(SUM(transaction_count), 0) AS bigint) FROM credits_balance";
        u32::try_from(self.number(sql).await).expect("a number below 2^32")
    }

    /// The number of ready messages in all command queues.
    pub async fn queued(&self) -> u32 {
        let topology = self.topology();
        let mut queued = 0;
        for shard in 0..topology.shards() {
            queued += self.broker.ready_in(&topology.commands(shard)).await;
        }
        queued
    }

    /// The integer in the first column of the first row of a query.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await;
        let row = row.expect("a query").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }
}
