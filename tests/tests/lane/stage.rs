//! A broker, a database and workers between them.

use std::{future::Future, sync::Arc, time::Duration};

use producer_sdk::contract::{Command, Outcome};
use scrip::{
    amqp::{Drained, Inbound, InboundOptions},
    catalog::Catalog,
    lane::{StoreLedger, StoreQuestions},
    store::{Store, StoreOptions},
};
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, Statement, TransactionTrait};
use tests::{
    broker::{Inbox, PATIENCE, TestBroker, broker_url},
    db::{TestDatabase, server_url},
    ledger::{TestLedger, rules},
};
use tokio::time::timeout;

/// What each user who spends starts with.
pub const FUNDS: i64 = 1_000_000;

/// A broker and a database.
pub struct Stage {
    pub broker: TestBroker,
    pub ledger: TestLedger,
}

/// What the tests' workers answer queries from.
fn catalog() -> Catalog {
    Catalog {
        rules: Arc::new(rules()),
        packages: Vec::new(),
        free_users_may_buy: true,
    }
}

impl Stage {
    pub async fn new() -> Self {
        Self::on(TestBroker::start().await).await
    }

    pub async fn on(broker: TestBroker) -> Self {
        Self {
            broker,
            ledger: TestLedger::on(TestDatabase::postgres().await).await,
        }
    }

    /// Options of a worker of that name that registers at once.
    pub fn options(&self, worker: &str) -> InboundOptions {
        let mut options = InboundOptions::new(broker_url(), self.broker.topology().clone(), worker);
        options.registration_spread = Duration::ZERO;
        options
    }

    /// A worker that is registered on every queue.
    pub async fn worker(&self, name: &str) -> Inbound {
        self.worker_with(self.options(name)).await
    }

    /// A worker with these options that is registered on every queue.
    pub async fn worker_with(&self, options: InboundOptions) -> Inbound {
        let worker = Self::start(self.store().await, options);
        in_time("registering", worker.ready()).await;
        worker
    }

    /// A worker on this store that has just been started.
    pub fn start(store: Store, options: InboundOptions) -> Inbound {
        let questions = Arc::new(StoreQuestions::new(store.clone(), Arc::new(catalog()), None));
        let ledger = Arc::new(StoreLedger::new(store, Arc::new(rules()), None));
        Inbound::start(options, ledger, questions).unwrap()
    }

    /// A worker's store. It does not wait long for a connection, so that the tests need not.
    pub async fn store(&self) -> Store {
        let options = StoreOptions {
            acquire_timeout: Duration::from_secs(5),
            ..StoreOptions::default()
        };
        Store::connect(self.ledger.database.url(), &options)
            .await
            .unwrap()
    }

    /// Gives a user credits, past the queue.
    pub async fn fund(&self, user: &str) {
        let payment = format!("funds-{user}");
        let command = Command::purchase_credits(&payment, user, FUNDS, &payment);
        let body = scrip::decode::decode(&command.to_json(), command.door()).unwrap();
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

    /// A number that a query calls `n`.
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

    /// Lets nobody into the database and throws out who is in it.
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

    /// Lets everybody in again.
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

/// One credit spent by `user`, the `n`-th time.
pub fn spend(user: &str, n: usize) -> Command {
    Command::consume(format!("{user}-{n}"), user, "test").amount(1)
}

/// Publishes `spend`s with the replies going to `inbox`.
pub async fn send_spends(stage: &Stage, inbox: &Inbox, user: &str, range: std::ops::Range<usize>) {
    let commands: Vec<Command> = range.map(|n| spend(user, n)).collect();
    let sends = commands.iter().map(|command| {
        stage
            .broker
            .send_with(command, inbox.asking(&command.reference_id))
    });
    futures_util::future::join_all(sends).await;
}

/// Reads outcomes until each of the user's first `count` spends is answered, and checks that each took its credit
/// right after the one before it.
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
            "{user}-{n} was not applied in its turn"
        );
    }
}

/// Drains and expects that nothing had to be broken off.
pub async fn drain(worker: Inbound) {
    assert_eq!(worker.drain(PATIENCE).await, Drained::Clean);
}

/// Waits for something, but not for ever.
pub async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
