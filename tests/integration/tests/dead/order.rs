//! Dead letters are replayed in the order in which their messages first arrived.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use lapin::BasicProperties;
use producer_sdk::{
    Command,
    contract::{bucket, headers},
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
};

use super::table;

/// The arrival of the first message.
static FIRST: LazyLock<DateTime<Utc>> = LazyLock::new(|| Utc::now() - TimeDelta::hours(1));

/// The purchase of user `n`. [`consume`] spends all of it.
fn purchase(n: u32) -> Command {
    Command::purchase_credits(
        format!("buy-{n}"),
        format!("user-{n}"),
        5,
        format!("pi-{n}"),
    )
}

fn consume(n: u32) -> Command {
    Command::consume(format!("use-{n}"), format!("user-{n}"), "google:chat").amount(5)
}

/// Adds a dead letter in the format of a worker, with `padding` bytes of white space before its
/// body.
async fn add_dead_letter(
    broker: &TestBroker,
    command: &Command,
    arrived: Option<TimeDelta>,
    padding: usize,
) {
    let (exchange, key) = (
        broker.topology().exchange(command.origin()),
        bucket(&command.user_id).to_string(),
    );
    let first_seen = arrived.map(|arrived| (*FIRST + arrived).to_rfc3339());
    let mut entries = vec![
        (headers::REASON, "poison"),
        (headers::ORIGIN, command.origin().as_str()),
        (headers::EXCHANGE, exchange.as_str()),
        (headers::ROUTING_KEY, key.as_str()),
    ];
    entries.extend(first_seen.as_deref().map(|at| (headers::FIRST_SEEN, at)));
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(command.reference_id.as_str().into())
        .with_headers(table(&entries));
    let body = [vec![b' '; padding], command.to_json()].concat();
    broker
        .publish(&broker.topology().dead(), &key, &body, properties)
        .await;
}

/// Adds dead letters so that all usage comes before all funding, and the last arrival comes first.
async fn add_in_the_wrong_order(broker: &TestBroker, users: u32, padding: usize) {
    let letters = (0..users).rev().map(|n| (consume(n), 2 * n + 1));
    let letters = letters.chain((0..users).rev().map(|n| (purchase(n), 2 * n)));
    stream::iter(letters)
        .map(async |(command, second)| {
            let arrived = Some(TimeDelta::seconds(second.into()));
            add_dead_letter(broker, &command, arrived, padding).await;
        })
        .buffered(100)
        .collect::<()>()
        .await;
}

async fn number(ledger: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(ledger.get_database_backend(), sql);
    let row = ledger.query_one_raw(statement).await.expect("a query");
    row.expect("a row").try_get_by_index(0).expect("a number")
}

const USED: &str =
    "SELECT count(*) FROM credits_transaction WHERE type = 'consumption' AND status = 'COMPLETED'";
const REFUSED: &str = "SELECT count(*) FROM credits_transaction WHERE status = 'FAILED'";

/// Replays all dead letters while a worker runs, and waits until they are applied.
async fn replay(deployment: &Deployment, ledger: &DatabaseConnection, users: u32) {
    let worker = deployment.ready_worker().await;
    deployment.succeed(&["dead", "replay", "--all"]).await;
    let began = tokio::time::Instant::now();
    let all = "SELECT count(*) FROM credits_transaction";
    while number(ledger, all).await < 2 * i64::from(users) {
        assert!(
            began.elapsed() < testkit::broker::TIMEOUT,
            "not all commands are applied"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        number(ledger, REFUSED).await,
        0,
        "a command spent credits before their purchase"
    );
    assert_eq!(number(ledger, USED).await, i64::from(users));
    let left = deployment.succeed(&["--json", "dead", "list"]).await;
    assert_eq!(left.trim(), "");
    assert!(worker.terminate().await.success());
}

async fn on_servers() -> (TestBroker, TestDatabase, Deployment) {
    let broker = TestBroker::start().await;
    let database = TestDatabase::postgres().await.migrated().await;
    let namespace = broker.topology().namespace().to_owned();
    let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), &namespace);
    (broker, database, deployment)
}

/// Conformance: Ordering, failures and dead letters: Dead letters of both origins are replayed in
/// order of arrival, even if memory cannot hold them
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_in_the_order_of_arrival_through_both_origins() {
    let (broker, database, deployment) = on_servers().await;
    let users = 700;
    add_in_the_wrong_order(&broker, users, 0).await;
    replay(&deployment, &database.connect().await, users).await;
}

/// Conformance: Ordering, failures and dead letters: Dead letters of both origins are replayed in
/// order of arrival, even if memory cannot hold them
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed_in_order_even_if_memory_holds_only_few() {
    let (broker, database, deployment) = on_servers().await;
    // The bodies have 36 MB in total.
    let users = 300;
    add_in_the_wrong_order(&broker, users, 60_000).await;
    replay(&deployment, &database.connect().await, users).await;
}

/// Conformance: Ordering, failures and dead letters: Dead letters of both origins are replayed in
/// order of arrival, even if memory cannot hold them
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_without_a_time_of_arrival_is_replayed_after_those_before_it() {
    let (broker, database, deployment) = on_servers().await;
    add_dead_letter(&broker, &purchase(0), Some(TimeDelta::seconds(5)), 0).await;
    add_dead_letter(&broker, &consume(0), None, 0).await;
    add_dead_letter(&broker, &consume(1), Some(TimeDelta::seconds(7)), 0).await;
    add_dead_letter(&broker, &purchase(1), Some(TimeDelta::seconds(6)), 0).await;
    replay(&deployment, &database.connect().await, 2).await;
}

/// Conformance: Ordering, failures and dead letters: Dead letters of both origins are replayed in
/// order of arrival, even if memory cannot hold them
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_a_file_are_replayed_in_the_order_of_arrival() {
    let deployment = Deployment::embedded();
    // The first command creates the file.
    deployment.succeed(&["migrate", "up"]).await;
    let url = format!(
        "sqlite://{}",
        deployment.folder().join("scrip.db").display()
    );
    let ledger = Database::connect(url).await.expect("the ledger's file");
    let users = 50;
    for command in (0..users).flat_map(|n| [purchase(n), consume(n)]) {
        let sql = "INSERT INTO queue_message (queue, origin, body, enqueued_at, headers) \
                   VALUES ('dead', $1, CAST($2 AS BLOB), '2026-11-24T10:00:00.000000+00:00', '{}')";
        let body = String::from_utf8(command.to_json()).expect("text");
        let values = [command.origin().as_str().into(), body.into()];
        let put = Statement::from_sql_and_values(ledger.get_database_backend(), sql, values);
        ledger.execute_raw(put).await.expect("a row");
    }
    replay(&deployment, &ledger, users).await;
}
