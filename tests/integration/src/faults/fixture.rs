//! The deployment of one row under load. A row injects faults into it and measures the recovery.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;

use super::{
    bench::{Servers, Verdict},
    http_server::{HttpServer, free_address},
    judge::{Order, judge},
    load::{Load, SendMode},
    rng::Rng,
    way::Target,
};

pub use super::setup::{Setup, Via};

use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker},
    proxy::Proxy,
};

/// A row fails after this time without progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(100);
/// The interval at which the database is polled. The database has no event for this.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The configuration of the workers. The judge knows these prices.
pub const PRICES: &str = "[ledger]\ndefault_consumption = 1\n\
    [prices]\n\"llm:tokens\" = { credits = 1, per = 1000 }\n\"google:image\" = 5\n";

/// The deployment of one row under load.
pub struct Fixture<'a> {
    /// The servers that the row may harm.
    pub servers: &'a mut Servers,
    /// The source of all random choices.
    pub rng: &'a mut Rng,
    /// The deployment of the workers.
    pub deployment: Deployment,
    pub load: Load,
    /// The HTTP server, if the producers send over it.
    pub http: Option<HttpServer>,
    /// The test's own connection to the ledger, without a relay.
    pub ledger: DatabaseConnection,
    /// The test's own connection to the broker; `None` on an SQLite file.
    pub broker: Option<TestBroker>,
    /// The relay between producers and the broker or the HTTP server.
    pub producers_relay: Option<Proxy>,
    /// The relay between workers and broker.
    pub workers_relay: Option<Proxy>,
    /// The relay between workers and database.
    pub database_relay: Option<Proxy>,
    database: Option<TestDatabase>,
    injected: usize,
    recoveries: Vec<Duration>,
}

impl<'a> Fixture<'a> {
    pub(super) async fn build(
        servers: &'a mut Servers,
        rng: &'a mut Rng,
        seed: u64,
        setup: Setup,
    ) -> Self {
        let relay = |via: Via, url: &str| {
            let target = Proxy::target(url);
            async move {
                if setup.relays.contains(&via) {
                    Some(Proxy::before(target).await)
                } else {
                    None
                }
            }
        };
        let through = |relay: &Option<Proxy>, url: &str| {
            relay
                .as_ref()
                .map_or_else(|| url.to_owned(), |relay| relay.instead_of(url))
        };
        let on_servers = setup.file.is_none();
        let (mut broker, mut database, mut http_address) = (None, None, None);
        let (deployment, load_url, ledger_url, namespace, relays);
        if on_servers {
            let mut made = TestBroker::at(servers.rabbitmq.url()).await;
            if setup.shards > 1 {
                made.reshard(setup.shards).await;
            }
            let made_database = TestDatabase::postgres_at(servers.postgres.url())
                .await
                .migrated()
                .await;
            let amqp = format!("{}?heartbeat={}", servers.rabbitmq.url(), setup.heartbeat);
            http_address = setup.http.then(free_address);
            let first = http_address
                .as_ref()
                .map(|address| format!("http://{address}"));
            let producers = relay(Via::Producers, first.as_ref().unwrap_or(&amqp)).await;
            let workers = relay(Via::Workers, &amqp).await;
            let before_database = relay(Via::Database, made_database.url()).await;
            namespace = made.topology().namespace().to_owned();
            deployment = Deployment::on_servers(
                &through(&workers, &amqp),
                &through(&before_database, &made_database.worker_url()),
                &namespace,
            );
            load_url = through(&producers, first.as_ref().unwrap_or(&amqp));
            ledger_url = made_database.url().to_owned();
            broker = Some(made);
            database = Some(made_database);
            relays = (producers, workers, before_database);
        } else {
            let mut embedded = Deployment::embedded();
            let folder = setup
                .file
                .as_deref()
                .unwrap_or_else(|| std::path::Path::new("."));
            embedded.set("SCRIP_DATA_DIR", &folder.display().to_string());
            deployment = embedded;
            ledger_url = format!("sqlite://{}?mode=rwc", folder.join("scrip.db").display());
            load_url = ledger_url.clone();
            namespace = "credits".to_owned();
            relays = (None, None, None);
        }
        let mut deployment = deployment;
        std::fs::write(deployment.folder().join("scrip.toml"), PRICES).expect("a writable folder");
        // The log must show on which path each group is committed.
        deployment.set("RUST_LOG", "info,scrip::store=debug");
        deployment.set("SCRIP__WORKER__GROUP_MAX", &setup.group_max.to_string());
        deployment.set("SCRIP__WORKER__SHARDS", &setup.shards.to_string());
        deployment.set("SCRIP__LEDGER__MAX_USER_BALANCE", "1000000000");
        if setup.redis {
            deployment.set("REDIS_URL", servers.redis.url());
        }
        for (name, value) in &setup.environment {
            deployment.set(name, value);
        }
        if !on_servers {
            deployment.succeed(&["migrate", "up"]).await;
        }
        let ledger = Database::connect(&ledger_url).await.expect("the ledger");
        let mode = if on_servers {
            SendMode::Stream(setup.rate)
        } else {
            SendMode::OneByOne
        };
        let (mut target, mut http) = (
            Target::Queue {
                url: load_url,
                namespace,
            },
            None,
        );
        if let Some(address) = http_address {
            let server = HttpServer::start(&deployment, address).await;
            if let Target::Queue { url, .. } = target {
                target = server.target(&deployment, &url).await;
            }
            http = Some(server);
        }
        let load = Load::start(&target, seed, mode).await;
        Self {
            servers,
            rng,
            deployment,
            load,
            http,
            ledger,
            broker,
            producers_relay: relays.0,
            workers_relay: relays.1,
            database_relay: relays.2,
            database,
            injected: 0,
            recoveries: Vec::new(),
        }
    }

    /// Starts a worker and waits until it is ready.
    pub async fn worker(&self) -> Worker {
        self.deployment.ready_worker().await
    }

    /// The test's own connection to the broker.
    pub fn broker(&self) -> &TestBroker {
        self.broker.as_ref().expect("this row has a broker")
    }

    /// Runs `rabbitmqctl` and returns its output.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        self.servers.rabbitmq.ctl(arguments).await
    }

    /// Runs a statement without a relay.
    pub async fn sql(&self, sql: &str) {
        if let Err(error) = self.ledger.execute_unprepared(sql).await {
            panic!("{error}\n{sql}");
        }
    }

    /// The URL of the row's database, without a relay.
    pub fn database_url(&self) -> String {
        let database = self.database.as_ref().expect("this row has a database");
        database.url().to_owned()
    }

    /// The name of the row's database.
    pub fn database_name(&self) -> String {
        let url = self.database_url();
        url.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Terminates every session of workers in the database. Returns the number of sessions.
    pub async fn end_sessions(&self) -> i64 {
        self.number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'scrip'",
        )
        .await
    }

    /// The integer in the first column of the first row of a query.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.ledger.get_database_backend(), sql);
        let row = self
            .ledger
            .query_one_raw(statement)
            .await
            .expect("an answer");
        row.expect("a row").try_get_by_index(0).expect("a number")
    }

    /// Waits for a random moment: until 1 to `within` more commands are applied.
    pub async fn moment(&mut self, within: u64) {
        let more = self.rng.within(1, within);
        self.applied_after(more).await;
    }

    /// Counts a fault and returns the current time.
    pub fn fault(&mut self) -> Instant {
        self.injected += 1;
        Instant::now()
    }

    /// Waits until a command that is sent from now on is applied, and records the time since
    /// `from`.
    pub async fn recovered(&mut self, from: Instant) {
        self.applied_after(1).await;
        self.recoveries.push(from.elapsed());
    }

    /// Pauses the load and waits until every sent command is applied.
    pub async fn pause_until_applied(&self) {
        self.load.pause().await;
        wait_for_all(
            &self.ledger,
            usize::try_from(self.load.count()).expect("a count"),
        )
        .await;
    }

    async fn applied_after(&mut self, more: u64) {
        let producer =
            u32::try_from(self.rng.below(u64::from(super::load::PRODUCERS))).expect("few");
        // The command that is being sent now may already be applied, so it does not count.
        let reference = self.load.reference_after(producer, more + 1);
        let began = Instant::now();
        let sql = "SELECT 1 FROM credits_transaction \
                   WHERE origin IN ('usage', 'funding') AND reference_id = $1";
        loop {
            let statement = Statement::from_sql_and_values(
                self.ledger.get_database_backend(),
                sql,
                [reference.as_str().into()],
            );
            // The query fails while the database is unreachable.
            if let Ok(Some(_)) = self.ledger.query_one_raw(statement).await {
                return;
            }
            assert!(
                began.elapsed() < STALL_TIMEOUT,
                "{reference} is not applied after {STALL_TIMEOUT:?}; {} commands were sent",
                self.load.count()
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Stops the load, waits until every command has an outcome, stops the workers, and judges.
    pub async fn finish(self, workers: Vec<Worker>) -> Verdict {
        self.finish_in_order(workers, Order::default()).await
    }

    /// Like [`Fixture::finish`], for a row that promises another order.
    pub async fn finish_in_order(mut self, mut workers: Vec<Worker>, order: Order) -> Verdict {
        let sendings = self.load.stop().await;
        wait_for_all(&self.ledger, sendings.commands.len()).await;
        if let Some(broker) = &mut self.broker {
            broker.reconnect().await;
            let topology = broker.topology().clone();
            let queues: Vec<String> = (0..topology.shards())
                .map(|shard| topology.commands(shard))
                .chain([topology.unrouted(), topology.delay()])
                .collect();
            // A command that was applied but not acknowledged before a fault is delivered again, as
            // a replay.
            for _ in 0..5 {
                for queue in &queues {
                    broker.wait_for_ready(queue, 0).await;
                }
                for worker in workers.drain(..) {
                    assert!(worker.terminate().await.success(), "the worker drains");
                }
                let mut left = 0;
                for queue in &queues {
                    left += broker.ready_in(queue).await;
                }
                if left == 0 {
                    break;
                }
                workers.push(self.deployment.ready_worker().await);
            }
            for queue in &queues {
                assert_eq!(broker.ready_in(queue).await, 0, "left in {queue}");
            }
        } else {
            for worker in workers.drain(..) {
                assert!(worker.terminate().await.success(), "the worker drains");
            }
        }
        if let Some(http) = self.http.take() {
            assert!(http.process.terminate().await.success(), "the server ends");
        }
        let dead = self
            .deployment
            .succeed(&["dead", "list", "--json", "--limit", "1000000"])
            .await;
        let dead: Vec<Value> = dead
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let findings = judge(&self.ledger, &sendings, &dead, order).await;
        Verdict {
            injected: self.injected,
            recoveries: self.recoveries,
            findings,
            has_optimistic_path: self.database.is_some(),
        }
    }
}

/// Waits until `commands` commands have an outcome, or until there is no more progress. The judge
/// reports the missing ones.
pub async fn wait_for_all(ledger: &DatabaseConnection, commands: usize) {
    let sql = "SELECT COUNT(*) FROM credits_transaction WHERE origin <> 'internal'";
    let mut progress = (0, Instant::now());
    loop {
        let statement = Statement::from_string(ledger.get_database_backend(), sql);
        let row = ledger.query_one_raw(statement).await.ok().flatten();
        let applied = row.map_or(progress.0, |row| {
            row.try_get_by_index::<i64>(0).expect("a number")
        });
        if usize::try_from(applied).expect("a count") >= commands {
            return;
        }
        if applied > progress.0 {
            progress = (applied, Instant::now());
        }
        if progress.1.elapsed() > STALL_TIMEOUT {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL * 10).await;
    }
}
