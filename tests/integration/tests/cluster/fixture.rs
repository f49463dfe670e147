//! The deployment of one row on the cluster, under load.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use integration::faults::{
    bench::Verdict,
    fixture::{PRICES, wait_for_all},
    judge::{Findings, Order, judge},
    load::{Load, PRODUCERS, SendMode},
    way::Target,
};
use producer_sdk::{
    Command, Options, Producer,
    contract::{Topology, bucket},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use testkit::{
    broker::{TIMEOUT, remove},
    cluster::{Balancer, Cluster},
    db::{TestDatabase, with_database},
    process::{Deployment, Worker},
    proxy::Proxy,
    servers::Server,
};
use tokio::time::sleep;
use uuid::Uuid;

/// The variable with the heartbeat in seconds of all connections, 5 without it.
const HEARTBEAT: &str = "SCRIP_TEST_HEARTBEAT";
/// The number of commands of each producer after which service counts as resumed. They belong to
/// users of every shard.
const RESUMED_AFTER: u64 = 10;

/// The ledger of a row.
pub struct Store {
    /// The URL for workers.
    pub worker_url: String,
    /// The test's own connection.
    pub ledger: DatabaseConnection,
    name: String,
    /// Removed at the end of the row; `None` on servers that end with it.
    _database: Option<TestDatabase>,
}

impl Store {
    /// On the tests' server.
    pub async fn shared() -> Self {
        let database = TestDatabase::postgres().await.migrated().await;
        Self {
            worker_url: database.worker_url(),
            ledger: database.connect().await,
            name: String::new(),
            _database: Some(database),
        }
    }

    /// On a primary that the test starts, and removes with its databases. Workers reach it through
    /// `hosts`.
    pub async fn on(primary: &Server, hosts: &str) -> Self {
        let database = TestDatabase::postgres_at(primary.url()).await;
        let database = database.migrated().await;
        let url = database.worker_url();
        Self {
            worker_url: url.replace(&Proxy::target(primary.url()), hosts),
            ledger: database.connect().await,
            name: database.left_behind(),
            _database: None,
        }
    }
}

/// A namespace of the cluster with a ledger, a load and workers.
pub struct Fixture {
    pub deployment: Deployment,
    pub topology: Topology,
    /// The order that the judge expects.
    pub order: Order,
    /// In front of the nodes, for workers.
    pub workers: Balancer,
    /// In front of the nodes, for producers.
    pub producers: Balancer,
    store: Store,
    load: Option<Load>,
    injected: usize,
    recoveries: Vec<Duration>,
}

impl Fixture {
    /// A namespace with the printed policies and everything declared. Workers and producers prefer
    /// the first node.
    pub async fn new(cluster: &Cluster, shards: u32, store: Store) -> Self {
        let mut fixture = Self::undeclared(cluster, shards, store).await;
        let policies = ["topology", "policies", "--json"];
        let policies = fixture.deployment.succeed(&policies).await;
        let node = cluster.node(0);
        node.administer(&["import_definitions"], &policies).await;
        fixture.deployment.succeed(&["topology", "declare"]).await;
        let workers = with_heartbeat(fixture.workers.url());
        fixture.connect_to(&workers);
        fixture
    }

    /// A namespace without policies, in which nothing is declared.
    pub async fn undeclared(cluster: &Cluster, shards: u32, store: Store) -> Self {
        let namespace = format!("row-{}", Uuid::now_v7().simple());
        let mut deployment = Deployment::on_servers(cluster.url(0), &store.worker_url, &namespace);
        std::fs::write(deployment.folder().join("scrip.toml"), PRICES).unwrap();
        deployment.set("SCRIP__WORKER__SHARDS", &shards.to_string());
        deployment.set("SCRIP__LEDGER__MAX_USER_BALANCE", "1000000000");
        Self {
            deployment,
            topology: Topology::new(namespace, shards).unwrap(),
            order: Order::Sent,
            workers: cluster.balancer(0).await,
            producers: cluster.balancer(0).await,
            store,
            load: None,
            injected: 0,
            recoveries: Vec::new(),
        }
    }

    /// Sets the nodes that new workers and new producers prefer.
    pub async fn prefer(&mut self, cluster: &Cluster, workers: usize, producers: usize) {
        self.workers = cluster.balancer(workers).await;
        self.producers = cluster.balancer(producers).await;
        let url = with_heartbeat(self.workers.url());
        self.connect_to(&url);
    }

    /// Sets the URL of the broker for workers and commands that are started from now on.
    pub fn connect_to(&mut self, url: &str) {
        self.deployment.set("AMQP_URL", url);
    }

    /// Gives the worker that is started next an address for its health.
    pub fn listen(&mut self) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        self.deployment.set("SCRIP__HEALTH__LISTEN", &address);
    }

    /// Starts a worker and waits until it is ready.
    pub async fn worker(&self) -> Worker {
        self.deployment.ready_worker().await
    }

    /// Starts the producers.
    pub async fn start_load(&mut self, seed: u64, mode: SendMode) {
        let url = with_heartbeat(self.producers.url());
        let namespace = self.topology.namespace().to_owned();
        let target = Target::Queue { url, namespace };
        self.load = Some(Load::start(&target, seed, mode).await);
    }

    /// Publishes a bonus for a user over a connection to `url`, and waits for the confirm.
    pub async fn send(&self, url: &str, reference: &str, user: &str) {
        let options = Options {
            namespace: self.topology.namespace().to_owned(),
            ..Options::default()
        };
        let producer = Producer::connect(url, options).await.unwrap();
        let command = Command::registration_bonus(reference, user);
        producer.publish(&command).await.unwrap();
        producer.close().await.unwrap();
    }

    /// A new user whose bucket belongs to this shard.
    pub fn user_of(&self, shard: u32) -> String {
        loop {
            let user = Uuid::now_v7().to_string();
            if self.topology.shard_of(bucket(&user)) == shard {
                return user;
            }
        }
    }

    /// Counts a fault and returns the current time.
    pub fn fault(&mut self) -> Instant {
        self.injected += 1;
        Instant::now()
    }

    /// Waits until some more commands are applied.
    pub async fn moment(&self) {
        self.applied_after(200).await;
    }

    /// Waits until commands of all producers are applied that are sent from now on, and records the
    /// time since `from`.
    pub async fn recovered(&mut self, from: Instant) {
        self.applied_after(RESUMED_AFTER).await;
        self.recoveries.push(from.elapsed());
    }

    /// Records the time since `from` as a recovery.
    pub fn record(&mut self, from: Instant) {
        self.recoveries.push(from.elapsed());
    }

    async fn applied_after(&self, more: u64) {
        let load = self.load.as_ref().expect("the load runs");
        let references = (0..PRODUCERS).map(|producer| load.reference_after(producer, more));
        for reference in references.collect::<Vec<_>>() {
            self.applied(&reference).await;
        }
    }

    /// Waits until a command is applied. The database has no event for this.
    pub async fn applied(&self, reference: &str) {
        let ledger = &self.store.ledger;
        let sql = "SELECT 1 FROM credits_transaction WHERE reference_id = $1";
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            let backend = ledger.get_database_backend();
            let statement = Statement::from_sql_and_values(backend, sql, [reference.into()]);
            // The query fails while the database is unreachable.
            if let Ok(Some(_)) = ledger.query_one_raw(statement).await {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("{reference} is not applied within {TIMEOUT:?}");
    }

    /// From now on the test reads the ledger on another server.
    pub async fn read_from(&mut self, server: &Server) {
        let url = with_database(server.url(), &self.store.name);
        self.store.ledger = Database::connect(url).await.unwrap();
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

    /// Stops the load, waits until every command has an outcome, stops the workers, and judges.
    pub async fn finish(mut self, cluster: &Cluster, workers: Vec<Worker>) -> Verdict {
        let sendings = self.load.take().expect("the load runs").stop().await;
        wait_for_all(&self.store.ledger, sendings.commands.len()).await;
        for worker in workers {
            assert!(worker.terminate().await.success(), "the worker drains");
        }
        self.connect_to(cluster.url(0));
        let list = ["dead", "list", "--json", "--limit", "1000000"];
        let dead = self.deployment.succeed(&list).await;
        let dead: Vec<Value> = dead
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let findings = judge(&self.store.ledger, &sendings, &dead, self.order).await;
        self.end(cluster, findings).await
    }

    /// Removes the namespace.
    pub async fn end(self, cluster: &Cluster, findings: Findings) -> Verdict {
        remove(cluster.url(0), &self.topology).await;
        Verdict {
            injected: self.injected,
            recoveries: self.recoveries,
            findings,
            has_optimistic_path: false,
        }
    }
}

fn with_heartbeat(url: &str) -> String {
    let seconds = std::env::var(HEARTBEAT).unwrap_or_else(|_| "5".to_owned());
    format!("{url}?heartbeat={seconds}")
}
