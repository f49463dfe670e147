//! A broker, a database, and workers on both.

use std::{future::Future, sync::Arc, time::Duration};

use producer_sdk::contract::{Command, Outcome};
use scrip::{
    catalog::Catalog,
    db::StoreOptions,
    queries::StoreQueryHandler,
    store::Store,
    store_ledger::StoreLedger,
    transport::amqp::{Drained, Inbound, InboundOptions},
};
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, Statement, TransactionTrait};
use testkit::{
    broker::{Inbox, TIMEOUT, TestBroker, broker_url},
    db::{TestDatabase, server_url},
    ledger::{TestLedger, rules},
};
use tokio::time::timeout;

/// The credits of each user at the beginning.
pub const FUNDS: i64 = 1_000_000;

/// A broker and a database.
pub struct Fixture {
    pub broker: TestBroker,
    pub ledger: TestLedger,
}

/// The catalog of the tests' workers.
fn catalog() -> Catalog {
    Catalog {
        rules: Arc::new(rules()),
        packages: Vec::new(),
        free_users_may_buy: true,
    }
}

impl Fixture {
    pub async fn new() -> Self {
        Self::on(TestBroker::start().await).await
    }

    pub async fn on(broker: TestBroker) -> Self {
        Self {
            broker,
            ledger: TestLedger::on(TestDatabase::postgres().await).await,
        }
    }

    /// The options of a worker that registers at once.
    pub fn options(&self, worker: &str) -> InboundOptions {
        let mut options = InboundOptions::new(broker_url(), self.broker.topology().clone(), worker);
        options.registration_spread = Duration::ZERO;
        options
    }

    /// Starts a worker and waits until it is registered on every queue.
    pub async fn worker(&self, name: &str) -> Inbound {
        self.worker_with(self.options(name)).await
    }

    /// Starts a worker with these options and waits until it is registered on every queue.
    pub async fn worker_with(&self, options: InboundOptions) -> Inbound {
        let worker = Self::start(self.store().await, options);
        in_time("registering", worker.ready()).await;
        worker
    }

    /// Starts a worker on this store without waiting.
    pub fn start(store: Store, options: InboundOptions) -> Inbound {
        let query_handler = Arc::new(StoreQueryHandler::new(
            store.clone(),
            Arc::new(catalog()),
            None,
        ));
        let ledger = Arc::new(StoreLedger::new(store, Arc::new(rules()), None));
        Inbound::start(options, ledger, query_handler).unwrap()
    }

    /// A store with a short timeout for connections, which keeps the tests short.
    pub async fn store(&self) -> Store {
        let options = StoreOptions {
            acquire_timeout: Duration::from_secs(5),
            ..StoreOptions::default()
        };
        Store::connect(self.ledger.database.url(), &options)
            .await
            .unwrap()
    }

    /// Gives a user credits without the queue.
    pub async fn fund(&self, user: &str) {
        let payment = format!("funds-{user}");
        let command = Command::purchase_credits(&payment, user, FUNDS, &payment);
        let body = scrip::decode::decode(&command.to_json(), command.origin()).unwrap();
        self.ledger.one(body).await;
    }

    pub fn commands_queue(&self) -> String {
        self.broker.topology().commands(0)
    }

    /// Makes every commit wait until the transaction is rolled back.
    pub async fn block_commits(&self) -> DatabaseTransaction {
        let transaction = self.ledger.database.connection().begin().await.unwrap();
        transaction
            .execute_unprepared("LOCK TABLE credits_balance IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        transaction
    }

    /// Waits until a commit waits for [`Self::block_commits`]. The database has no event for this.
    pub async fn wait_for_blocked_commit(&self) {
        let sql = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        in_time("a commit to be blocked", async {
            while self.count(sql).await == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// The column `n` of the first row of a query.
    pub async fn count(&self, sql: &str) -> i64 {
        let connection = self.ledger.database.connection();
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        connection
            .query_one_raw(statement)
            .await
            .unwrap()
            .unwrap()
            .try_get("", "n")
            .unwrap()
    }

    /// Refuses new connections to the database and terminates all sessions.
    pub async fn close_database(&self) {
        self.admin(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS false",
            self.database_name()
        ))
        .await;
        self.admin(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.database_name()
        ))
        .await;
    }

    /// Accepts connections to the database again.
    pub async fn open_database(&self) {
        self.admin(&format!(
            "ALTER DATABASE {} ALLOW_CONNECTIONS true",
            self.database_name()
        ))
        .await;
    }

    fn database_name(&self) -> String {
        let url = self.ledger.database.url();
        let name = url.rsplit('/').next().unwrap();
        name.split('?').next().unwrap().to_owned()
    }

    async fn admin(&self, sql: &str) {
        let admin = Database::connect(server_url()).await.unwrap();
        admin.execute_unprepared(sql).await.unwrap();
        admin.close().await.unwrap();
    }
}

/// The `n`-th consumption of one credit by `user`.
pub fn spend(user: &str, n: usize) -> Command {
    Command::consume(format!("{user}-{n}"), user, "test").amount(1)
}

/// Publishes consumptions whose replies go to `inbox`.
pub async fn send_spends(
    fixture: &Fixture,
    inbox: &Inbox,
    user: &str,
    range: std::ops::Range<usize>,
) {
    let commands: Vec<Command> = range.map(|n| spend(user, n)).collect();
    let sends = commands.iter().map(|command| {
        fixture
            .broker
            .send_with(command, inbox.reply_properties(&command.reference_id))
    });
    futures_util::future::join_all(sends).await;
}

/// Reads outcomes until each of the user's first `count` consumptions has one. Panics unless each
/// took its credit directly after the one before.
pub async fn expect_in_order(inbox: &mut Inbox, user: &str, count: usize) {
    let mut balances = vec![None; count];
    while balances.iter().any(Option::is_none) {
        let Outcome {
            reference_id,
            balance,
            ..
        } = inbox.outcome().await;
        let n: usize = reference_id
            .strip_prefix(&format!("{user}-"))
            .unwrap()
            .parse()
            .unwrap();
        balances[n] = balance;
    }
    for (n, balance) in balances.into_iter().enumerate() {
        assert_eq!(
            balance,
            Some(FUNDS - 1 - i64::try_from(n).unwrap()),
            "{user}-{n} was applied out of order"
        );
    }
}

/// Drains a worker; panics unless it drains cleanly.
pub async fn drain(worker: Inbound) {
    assert_eq!(worker.drain(TIMEOUT).await, Drained::Clean);
}

/// Waits for a future with a time limit.
pub async fn in_time<T>(event: &str, future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future)
        .await
        .unwrap_or_else(|_| panic!("timed out waiting for {event}"))
}
