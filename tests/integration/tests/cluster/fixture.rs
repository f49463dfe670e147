//! A cluster with a ledger, and the deployment of its workers.

use std::{net::TcpListener, time::Duration};

use integration::faults::fixture::PRICES;
use producer_sdk::{
    Command, Options, Producer,
    contract::{Topology, bucket},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use testkit::{
    broker::TIMEOUT,
    cluster::Cluster,
    db::TestDatabase,
    process::{Deployment, take_logs},
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

/// Three nodes need the whole machine, so one test runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

pub const NAMESPACE: &str = "credits";

/// A cluster, a migrated database, and workers on both.
pub struct Fixture {
    pub cluster: Cluster,
    pub database: TestDatabase,
    pub deployment: Deployment,
    pub topology: Topology,
    _turn: MutexGuard<'static, ()>,
}

impl Fixture {
    /// Starts the cluster with the printed policies. Nothing is declared.
    pub async fn new(shards: u32) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let cluster = Cluster::start().await;
        let database = TestDatabase::postgres().await.migrated().await;
        let mut deployment =
            Deployment::on_servers(cluster.url(0), &database.worker_url(), NAMESPACE);
        std::fs::write(deployment.folder().join("scrip.toml"), PRICES).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        deployment.set("SCRIP__HEALTH__LISTEN", &address);
        deployment.set("SCRIP__WORKER__SHARDS", &shards.to_string());
        deployment.set("SCRIP__LEDGER__MAX_USER_BALANCE", "1000000000");
        let policies = deployment
            .succeed(&["topology", "policies", "--json"])
            .await;
        cluster
            .node(0)
            .administer(&["import_definitions"], &policies)
            .await;
        Self {
            cluster,
            database,
            deployment,
            topology: Topology::new(NAMESPACE, shards).unwrap(),
            _turn: turn,
        }
    }

    /// Sets the URL of the broker for workers and commands that are started from now on.
    pub fn connect_to(&mut self, url: &str) {
        self.deployment.set("AMQP_URL", url);
    }

    /// Publishes a bonus for a user over a connection to `url`, and waits for the confirm.
    pub async fn send(&self, url: &str, reference: &str, user: &str) {
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            ..Options::default()
        };
        let producer = Producer::connect(url, options).await.unwrap();
        let command = Command::registration_bonus(reference, user);
        producer.publish(&command).await.unwrap();
        producer.close().await.unwrap();
    }

    /// The first of `user-0`, `user-1`, … whose bucket belongs to this shard.
    pub fn user_of(&self, shard: u32) -> String {
        let mut users = (0..).map(|n| format!("user-{n}"));
        users
            .find(|user| self.topology.shard_of(bucket(user)) == shard)
            .unwrap()
    }

    /// Waits until a command is applied. The database has no event for this.
    pub async fn applied(&self, reference: &str) {
        let sql = "SELECT 1 FROM credits_transaction WHERE reference_id = $1";
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            let statement = Statement::from_sql_and_values(
                self.database.backend(),
                sql,
                [reference.to_owned().into()],
            );
            let row = self.database.connection().query_one_raw(statement).await;
            if row.unwrap().is_some() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        let columns = "name leader online messages_ready messages_unacknowledged consumers";
        for number in 0..3 {
            let node = self.cluster.node(number);
            let mut list = vec!["list_queues", "--silent", "--timeout", "5"];
            list.extend(columns.split(' '));
            println!("node {number}: {}", node.try_ctl(&list).await);
        }
        for log in take_logs() {
            println!("{log}");
        }
        panic!("{reference} is not applied");
    }

    /// Waits until `scrip health` prints an expected report. Returns the report.
    pub async fn health(&self, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let output = self.deployment.run(&["health", "--json"]).await;
            if let Ok(report) = serde_json::from_slice(&output.stdout) {
                last = report;
                assert_eq!(last["ok"] == true, output.status.success(), "{last}");
                if expected(&last) {
                    return last;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the worker did not reach the state; its last report is {last}");
    }
}
