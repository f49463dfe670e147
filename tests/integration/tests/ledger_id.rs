//! One namespace belongs to one ledger. A worker with another database is refused, and its error
//! names both ledgers.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{process::Output, time::Duration};

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use producer_sdk::{Client, Options, amqp::arguments, contract::Origin};
use sea_orm::EntityTrait;
use serde_json::Value;
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker},
    proxy::Proxy,
    servers::Server,
};
use uuid::Uuid;

/// The ledger's id in a database.
async fn id_of(database: &TestDatabase) -> Uuid {
    let row = entity::ledger_identity::Entity::find().one(database.connection());
    row.await.expect("it answers").expect("a row").id
}

/// A migrated database and the deployment of a worker on it.
async fn ledger_at(amqp_url: &str, namespace: &str) -> (TestDatabase, Deployment) {
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment = Deployment::on_servers(amqp_url, &database.worker_url(), namespace);
    (database, deployment)
}

fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// Waits until a worker ends; panics unless the reason is that the namespace belongs to another
/// ledger.
async fn expect_refusal(worker: Worker, on_broker: Uuid, in_database: Uuid) {
    worker.wait_for("error: ").await;
    let log = worker.log();
    assert_names_both(&log, on_broker, in_database);
    assert!(!log.contains("registered"), "it subscribed: {log}");
    assert_eq!(worker.ended().await.code(), Some(1));
}

fn assert_names_both(text: &str, on_broker: Uuid, in_database: Uuid) {
    assert!(
        text.contains(&format!(
            "belongs to the ledger {on_broker}, the database has the ledger {in_database}"
        )),
        "{text}"
    );
    for advice in [
        "DATABASE_URL",
        "SCRIP_NAMESPACE",
        "scrip topology claim --yes",
    ] {
        assert!(text.contains(advice), "{text}");
    }
}

const GRANT: [&str; 8] = [
    "publish",
    "grant",
    "--user",
    "ada",
    "--reason",
    "promotion",
    "--amount",
    "5",
];

async fn grant(deployment: &Deployment) -> Value {
    let arguments = [&["--json"], &GRANT[..], &["--wait"]].concat();
    serde_json::from_str(&deployment.succeed(&arguments).await).expect("JSON")
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_worker_with_another_database_is_refused_and_logs_both_ledgers() {
    let broker = TestBroker::undeclared(1).await;
    let namespace = broker.topology().namespace();
    let (right, deployment) = ledger_at(broker.url(), namespace).await;
    let (wrong, stray) = ledger_at(broker.url(), namespace).await;
    let (right_id, wrong_id) = (id_of(&right).await, id_of(&wrong).await);

    let worker = deployment.ready_worker().await;
    // As a standby, and as the only worker.
    expect_refusal(stray.worker(), right_id, wrong_id).await;
    assert_eq!(grant(&deployment).await["balance"], 5);
    assert!(worker.terminate().await.success());
    deployment.succeed(&GRANT).await;
    expect_refusal(stray.worker(), right_id, wrong_id).await;

    let declared = stray.run(&["topology", "declare"]).await;
    assert_eq!(declared.status.code(), Some(1));
    assert_names_both(&output_text(&declared), right_id, wrong_id);
    let declared = deployment.succeed(&["topology", "declare"]).await;
    assert!(
        declared.contains(&format!("ledger   {right_id}")),
        "{declared}"
    );

    // A job reads one ledger and sends commands to the other.
    let job = stray.run(&["job", "run", "grant"]).await;
    assert_eq!(job.status.code(), Some(1));
    assert_names_both(&output_text(&job), right_id, wrong_id);

    // The commands that were published in the meantime were not applied to the other ledger.
    let worker = deployment.ready_worker().await;
    assert_eq!(grant(&deployment).await["balance"], 15);
    let empty = stray.run(&["balance", "ada"]).await;
    assert!(
        output_text(&empty).contains("ada has no wallet"),
        "{empty:?}"
    );
    assert!(worker.terminate().await.success());
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn of_two_ledgers_that_start_together_in_a_new_namespace_one_is_refused() {
    for _ in 0..5 {
        let broker = TestBroker::undeclared(1).await;
        let namespace = broker.topology().namespace();
        let (one, first) = ledger_at(broker.url(), namespace).await;
        let (two, second) = ledger_at(broker.url(), namespace).await;
        let ids = [id_of(&one).await, id_of(&two).await];
        let workers = [first.worker(), second.worker()];
        let ready = |worker: &Worker| worker.log().contains(" ready");
        let refused = |worker: &Worker| worker.log().contains("belongs to the ledger");
        let decided = async {
            while !workers
                .iter()
                .all(|worker| ready(worker) || refused(worker))
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let decided = tokio::time::timeout(testkit::broker::TIMEOUT, decided).await;
        let logs = workers
            .iter()
            .map(Worker::log)
            .collect::<Vec<_>>()
            .join("\n---\n");
        assert!(decided.is_ok(), "{logs}");
        let winner = usize::from(refused(&workers[0]));
        assert!(
            ready(&workers[winner]) && refused(&workers[1 - winner]),
            "{logs}"
        );
        assert_names_both(&workers[1 - winner].log(), ids[winner], ids[1 - winner]);
    }
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_restored_database_is_the_same_ledger() {
    let broker = TestBroker::undeclared(1).await;
    let namespace = broker.topology().namespace();
    let (database, deployment) = ledger_at(broker.url(), namespace).await;
    assert!(deployment.ready_worker().await.terminate().await.success());
    let id = id_of(&database).await;

    // Like pg_restore, this copies the rows from another database.
    let restored = TestDatabase::postgres().await.migrated().await;
    restored
        .execute(&format!("UPDATE ledger_identity SET id = '{id}'"))
        .await;
    let deployment = Deployment::on_servers(broker.url(), &restored.worker_url(), namespace);
    let worker = deployment.ready_worker().await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Broker permissions and senders: `scrip topology claim` assigns a namespace to a
/// ledger
#[tokio::test]
async fn a_namespace_can_be_claimed_only_while_no_worker_serves_it() {
    let broker = TestBroker::undeclared(1).await;
    let namespace = broker.topology().namespace();
    let (old, before) = ledger_at(broker.url(), namespace).await;
    let (new, after) = ledger_at(broker.url(), namespace).await;
    let (old_id, new_id) = (id_of(&old).await, id_of(&new).await);
    let worker = before.ready_worker().await;

    let unsure = after.run(&["topology", "claim"]).await;
    assert!(
        unsure.status.code() == Some(1) && output_text(&unsure).contains("add --yes"),
        "{unsure:?}"
    );
    let busy = after.run(&["topology", "claim", "--yes"]).await;
    assert_eq!(busy.status.code(), Some(1));
    assert!(
        output_text(&busy).contains("stop all workers of this namespace first"),
        "{busy:?}"
    );
    assert!(worker.terminate().await.success());

    let claimed = after.succeed(&["topology", "claim", "--yes"]).await;
    assert_eq!(
        claimed,
        format!("the namespace {namespace} now belongs to the ledger {new_id}\n")
    );
    expect_refusal(before.worker(), new_id, old_id).await;
    let worker = after.ready_worker().await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn the_broker_keeps_the_ledgers_id_when_it_restarts() {
    let mut server = Server::start("rabbitmq").await;
    let (right, deployment) = ledger_at(server.url(), "credits").await;
    let (wrong, stray) = ledger_at(server.url(), "credits").await;
    assert!(deployment.ready_worker().await.terminate().await.success());
    // RabbitMQ 3.10 writes the name of a new quorum queue to disk later than it confirms the queue.
    // If it is killed before that, it never answers a subscription to the queue. A clean stop
    // writes it.
    server.stop().await;
    server.bring_back().await;
    server.kill_and_start().await;
    expect_refusal(stray.worker(), id_of(&right).await, id_of(&wrong).await).await;
    assert!(deployment.ready_worker().await.terminate().await.success());
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_worker_ends_when_the_broker_it_reconnects_to_serves_another_ledger() {
    let broker = TestBroker::undeclared(1).await;
    let topology = broker.topology();
    let proxy = Proxy::before(Proxy::target(broker.url())).await;
    let (database, deployment) =
        ledger_at(&proxy.instead_of(broker.url()), topology.namespace()).await;
    let worker = deployment.ready_worker().await;

    // At the same address there is now another broker, which belongs to another ledger.
    let other = Uuid::now_v7();
    give(&broker, other).await;
    proxy.cut();

    worker.wait_for("namespace belongs to another ledger").await;
    assert_names_both(&worker.log(), other, id_of(&database).await);
    assert_eq!(worker.ended().await.code(), Some(1));
}

/// Makes the namespace belong to the ledger with this id, as if the broker were another one.
async fn give(broker: &TestBroker, ledger: Uuid) {
    let topology = broker.topology();
    let channel = broker
        .connection()
        .create_channel()
        .await
        .expect("a channel");
    let deleted = channel.queue_delete(topology.ledger().into(), QueueDeleteOptions::default());
    deleted.await.expect("deleted");
    let spec = topology.ledger_queue(ledger);
    let arguments = arguments(&spec.args).expect("short names");
    let declared =
        channel.queue_declare(spec.name.into(), QueueDeclareOptions::durable(), arguments);
    declared.await.expect("declared");
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn queries_and_dead_letters_wait_until_their_connection_finds_the_right_ledger() {
    let broker = TestBroker::undeclared(1).await;
    let topology = broker.topology();
    let (database, deployment) = ledger_at(broker.url(), topology.namespace()).await;
    let worker = deployment.ready_worker().await;
    let own = id_of(&database).await;
    let channel = broker
        .connection()
        .create_channel()
        .await
        .expect("a channel");

    // Only the connection of queries ends.
    let other = Uuid::now_v7();
    give(&broker, other).await;
    let deleted = channel.queue_delete(topology.queries().into(), QueueDeleteOptions::default());
    deleted.await.expect("deleted");
    worker
        .wait_for(&format!("belongs to the ledger {other}"))
        .await;
    give(&broker, own).await;
    assert_eq!(grant(&deployment).await["balance"], 5);
    let options = Options {
        namespace: topology.namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(broker.url(), options).await;
    let client = client.expect("a client");
    // The queue is declared again with the connection.
    let answered = async {
        while client
            .balance_within("ada", Duration::from_secs(1))
            .await
            .is_err()
        {}
    };
    let answered = tokio::time::timeout(testkit::broker::TIMEOUT, answered).await;
    assert!(answered.is_ok(), "{}", worker.log());
    client.close().await.expect("closed");

    // Only the connection of dead letters ends.
    let other = Uuid::now_v7();
    give(&broker, other).await;
    let options = ExchangeDeleteOptions::default();
    let deleted = channel.exchange_delete(topology.dead().into(), options);
    deleted.await.expect("deleted");
    broker.send_body(Origin::Usage, b"no command").await;
    worker
        .wait_for(&format!("belongs to the ledger {other}"))
        .await;
    assert_eq!(broker.ready_in(&topology.dead()).await, 0);
    give(&broker, own).await;
    broker.wait_for_ready(&topology.dead(), 1).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_ledger_in_an_sqlite_file_behind_a_broker_has_an_id() {
    let broker = TestBroker::undeclared(1).await;
    let namespace = broker.topology().namespace();
    let at = |database: &TestDatabase| {
        Deployment::on_servers(broker.url(), &database.worker_url(), namespace)
    };
    let right = TestDatabase::sqlite().await.migrated().await;
    let wrong = TestDatabase::sqlite().await.migrated().await;
    assert!(at(&right).ready_worker().await.terminate().await.success());
    expect_refusal(
        at(&wrong).worker(),
        id_of(&right).await,
        id_of(&wrong).await,
    )
    .await;
}
