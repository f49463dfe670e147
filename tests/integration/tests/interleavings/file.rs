//! Two connections to one SQLite file: a writer locks the whole file, and a reader has a snapshot.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures_util::FutureExt;
use producer_sdk::{Client, Command, Options, Producer};
use scrip::{
    catalog::Catalog,
    clock::Clock,
    db::StoreOptions,
    store::Store,
    transport::embedded::{Embedded, EmbeddedOptions},
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement, TransactionTrait};
use testkit::ledger::{TestLedger, buy_credits, consume, rules, settled, use_service};

const TIMEOUT: Duration = Duration::from_mins(1);
/// The interval at which the state of a worker is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

async fn balance(db: &impl ConnectionTrait) -> i64 {
    let sql = "SELECT w.balance FROM credits_balance w \
        WHERE w.balance = (SELECT sum(b.remaining) FROM credits_batch b \
        WHERE b.user_id = w.user_id)";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let row = db.query_one_raw(statement).await.expect("a query");
    let row = row.expect("a wallet whose balance is the sum of its batches");
    row.try_get_by_index(0).expect("a number")
}

pub async fn a_writer_finds_the_file_locked(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let hasty = StoreOptions {
        busy_timeout: Duration::from_millis(1),
        ..StoreOptions::default()
    };
    let second = Store::connect(ledger.database.url(), &hasty).await;
    let second = second.expect("a store");
    let first = ledger.store.begin().await.expect("begins");
    let one = [consume("c1", "ada", 3)];
    let decided = ledger
        .store
        .commit_group_in(&first, &one, &ledger.rules, ledger.now);
    assert_eq!(
        settled(&decided.await.expect("decided")[0]).balance,
        Some(7)
    );
    let two = [consume("c1", "ada", 3), consume("c2", "ada", 2)];
    let error = second.commit_group(&two, &ledger.rules, ledger.now).await;
    let error = error.expect_err("the file is locked");
    assert!(!error.is_poison(), "not an error of a command: {error:?}");
    assert_eq!(error.code().as_deref(), Some("5"), "{error:?}");
    first.commit().await.expect("commits");
    let decided = second.commit_group(&two, &ledger.rules, ledger.now).await;
    let outcomes: Vec<_> = decided.expect("decided").iter().map(settled).collect();
    assert!(outcomes[0].replayed);
    assert_eq!(outcomes[1].balance, Some(5));
    assert_eq!(balance(ledger.store.read_connection()).await, 5);
    ledger.verify().await;
}

/// SQLite reports the lock at once here, and not after the busy timeout.
pub async fn a_file_is_opened_while_another_connection_creates_it(ledger: TestLedger) {
    let url = ledger.database.url().replace("scrip.db", "new.db");
    let mut one = ConnectOptions::new(&url);
    one.max_connections(1).sqlx_logging(false);
    let other = Database::connect(one).await.expect("a connection");
    other
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .expect("begun");
    let busy_timeout = Duration::from_millis(300);
    let hasty = StoreOptions {
        busy_timeout,
        ..StoreOptions::default()
    };
    let began = Instant::now();
    let error = Store::connect(&url, &hasty)
        .await
        .expect_err("the file is locked");
    let waited = began.elapsed();
    assert_eq!(error.code().as_deref(), Some("5"), "{error:?}");
    assert!(
        waited >= busy_timeout,
        "gave up after {waited:?}: {error:?}"
    );
    other.execute_unprepared("COMMIT").await.expect("committed");
    let store = Store::connect(&url, &hasty).await.expect("a store");
    migration::up(store.read_connection())
        .await
        .expect("migrated");
    ledger.verify().await;
}

pub async fn a_reader_reads_while_a_group_is_written(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let reader = ledger
        .store
        .read_connection()
        .begin()
        .await
        .expect("begins");
    assert_eq!(balance(&reader).await, 10);
    let writer = ledger.store.begin().await.expect("begins");
    let one = [consume("c1", "ada", 3)];
    let decided = ledger
        .store
        .commit_group_in(&writer, &one, &ledger.rules, ledger.now);
    decided.await.expect("decided");
    assert_eq!(
        balance(&reader).await,
        10,
        "uncommitted rows are not visible"
    );
    writer.commit().await.expect("commits");
    assert_eq!(balance(&reader).await, 10, "the snapshot does not change");
    reader.rollback().await.expect("ends");
    assert_eq!(balance(ledger.store.read_connection()).await, 7);
    ledger.verify().await;
}

/// A worker on the file, with its own connections and its own clock.
async fn worker(ledger: &TestLedger, name: &str, ahead: TimeDelta) -> Embedded {
    let catalog = Catalog {
        rules: Arc::new(rules()),
        packages: Vec::new(),
        free_users_may_buy: true,
    };
    let options = EmbeddedOptions {
        url: ledger.database.url().to_owned(),
        worker: name.to_owned(),
        group_max: 1000,
        clock: Clock::manual(ledger.now + ahead).0,
    };
    let store = ledger.another_store().await;
    let worker = Embedded::start(options, store, Arc::new(catalog)).await;
    worker.expect("a worker")
}

async fn client(ledger: &TestLedger) -> Client {
    let client = Client::connect(ledger.database.url(), Options::default()).await;
    client.expect("a client")
}

fn chat(reference: &str) -> Command {
    Command::consume(reference, "ada", "google:chat")
}

pub async fn a_worker_is_taken_over_in_the_middle_of_a_group(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let client = client(&ledger).await;
    // Like a worker, the test writes lease, ledger and queue in one transaction.
    let group = ledger.store.begin().await.expect("begins");
    let until = ledger.now + TimeDelta::seconds(3);
    let lease = format!(
        "INSERT INTO queue_lease (lane, owner, until) VALUES ('commands', 'first', '{}')",
        scrip::db::sqlite_instant(until)
    );
    group.execute_unprepared(&lease).await.expect("the lease");
    let commands = [use_service("c1", "ada", "google:chat", None)];
    let decided = ledger
        .store
        .commit_group_in(&group, &commands, &ledger.rules, ledger.now);
    assert_eq!(
        settled(&decided.await.expect("decided")[0]).balance,
        Some(8)
    );
    // By the clock of this worker the lease has expired.
    let second = worker(&ledger, "second", TimeDelta::seconds(10)).await;
    let mut ready = pin!(second.ready());
    assert!(
        ready.as_mut().now_or_never().is_none(),
        "the other worker has the lane"
    );
    group.commit().await.expect("commits");
    ready.await;
    let again = client.send(&chat("c1")).await.expect("an outcome");
    assert!(again.replayed);
    assert_eq!(
        client.send(&chat("c2")).await.expect("an outcome").balance,
        Some(6)
    );
    client.close().await.expect("closed");
    assert!(second.drain(TIMEOUT).await);
    assert_eq!(balance(ledger.store.read_connection()).await, 6);
    ledger.verify().await;
}

pub async fn a_worker_reaches_a_group_after_it_has_lost_its_lease(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 10)).await;
    let first = worker(&ledger, "first", TimeDelta::zero()).await;
    first.ready().await;
    let client = client(&ledger).await;
    let until = ledger.now + TimeDelta::seconds(60);
    let lease = format!(
        "UPDATE queue_lease SET owner = 'second', until = '{}'",
        scrip::db::sqlite_instant(until)
    );
    ledger.database.execute(&lease).await;
    let producer = Producer::connect(ledger.database.url(), Options::default()).await;
    let producer = producer.expect("a producer");
    producer
        .publish(&chat("c1"))
        .await
        .expect("a row in the file");
    let began = Instant::now();
    while first.ready().now_or_never().is_some() {
        assert!(
            began.elapsed() < TIMEOUT,
            "the worker serves a lane that it has lost"
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let second = worker(&ledger, "second", TimeDelta::zero()).await;
    let outcome = client.send(&chat("c1")).await.expect("an outcome");
    assert!(outcome.replayed, "the waiting command was applied");
    client.send(&chat("c2")).await.expect("an outcome");
    assert_eq!((first.stats().commands, second.stats().commands), (0, 3));
    assert!(second.drain(TIMEOUT).await);
    let outcome = client.send(&chat("c3")).await.expect("an outcome");
    assert_eq!(outcome.balance, Some(4));
    assert_eq!(first.stats().commands, 1, "the worker takes over again");
    client.close().await.expect("closed");
    producer.close().await.expect("closed");
    assert!(first.drain(TIMEOUT).await);
    assert_eq!(balance(ledger.store.read_connection()).await, 4);
    ledger.verify().await;
}
