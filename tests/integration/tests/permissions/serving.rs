//! A worker process, an app and a bridge, each with its own permissions.

use std::time::Duration;

use chrono::Utc;
use lapin::{BasicProperties, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::{
    Command,
    contract::{Reply, bucket},
};
use serde_json::Value;
use testkit::{broker::TIMEOUT, db::TestDatabase, process::Deployment};
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, NAMESPACE, channel, next, publish, reply_queue};

/// Conformance: Broker permissions and senders: A worker can do all its work and touches nothing
/// outside its namespace
/// Conformance: Broker permissions and senders: A command on the wrong exchange is rejected
#[tokio::test]
async fn a_worker_apps_and_bridges_do_all_their_work_with_their_own_permissions() {
    let fixture = Fixture::new().await;
    let database = TestDatabase::postgres().await.migrated().await;
    let deploy = |shards: &str| {
        let mut deployment =
            Deployment::on_servers(&fixture.url("worker"), &database.worker_url(), NAMESPACE);
        deployment.set("SCRIP__WORKER__SHARDS", shards);
        deployment
    };
    let deployment = deploy("3");
    let worker = deployment.ready_worker().await;
    assert!(!worker.log().contains("WARN"), "{}", worker.log());

    let (app, bridge) = (fixture.client("app").await, fixture.client("bridge").await);
    let users = ["ada", "bob", "cem", "dia", "eve"];
    for user in users {
        let grant = Command::promotion(format!("g-{user}"), user, 100);
        assert!(
            bridge
                .send(&grant)
                .await
                .expect("an outcome")
                .is_completed()
        );
        let spend = Command::consume(format!("c-{user}"), user, "google:chat").amount(2);
        assert!(app.send(&spend).await.expect("an outcome").is_completed());
        assert_eq!(app.balance(user).await.expect("a balance").balance, 98);
    }
    // A command with the origin of jobs.
    let operator = fixture.client("worker").await;
    let expire = operator
        .send(&Command::expire("e-1", "ada", Utc::now()))
        .await;
    assert!(expire.expect("an outcome").is_completed());
    jobs_run(&deployment).await;
    a_command_on_the_wrong_exchange_is_refused(&fixture, &deployment).await;

    // A command that goes through the delay queue.
    let poison =
        "ALTER TABLE credits_transaction ADD CONSTRAINT poison CHECK (reference_id <> 'slow')";
    database.execute(poison).await;
    let slow = Command::consume("slow", "bob", "google:chat").amount(2);
    let fix = async {
        wait_for_one_in(&fixture, &fixture.topology().delay()).await;
        let drop_constraint = "ALTER TABLE credits_transaction DROP CONSTRAINT poison";
        database.execute(drop_constraint).await;
    };
    let (outcome, ()) = tokio::join!(app.send(&slow), fix);
    assert!(outcome.expect("an outcome").is_completed());

    // With fewer shards, buckets move to other queues, and the queues of former shards are served.
    assert!(worker.terminate().await.success());
    let worker = deploy("1").ready_worker().await;
    for user in users {
        let spend = Command::consume(format!("again-{user}"), user, "google:chat").amount(2);
        assert!(app.send(&spend).await.expect("an outcome").is_completed());
    }
    worker.wait_for("serving the queues of former shards").await;
    let log = worker.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    assert!(worker.terminate().await.success());
}

/// Waits until the scheduler has run the due jobs through the queue of job requests.
async fn jobs_run(deployment: &Deployment) {
    let all = timeout(TIMEOUT, async {
        loop {
            let listed = deployment.succeed(&["--json", "job", "list"]).await;
            let listed: Value = serde_json::from_str(&listed).expect("JSON");
            let done = |job| {
                let mut runs = listed["runs"].as_array().into_iter().flatten();
                runs.any(|run| run["job"] == job && run["status"] == "COMPLETED")
            };
            if ["grant", "expire", "verify"].into_iter().all(done) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    all.await.expect("jobs that end");
}

/// A grant that an app sends to its own exchange passes the broker. The worker must refuse it.
async fn a_command_on_the_wrong_exchange_is_refused(fixture: &Fixture, deployment: &Deployment) {
    let app = fixture.connect("app").await;
    let (replying, channel) = (channel(&app).await, channel(&app).await);
    let (queue, mut replies) = reply_queue(&replying).await;
    let mint = Command::promotion("mint", "ada", 1000);
    let properties = BasicProperties::default()
        .with_reply_to(queue.into())
        .with_correlation_id("1".into());
    let (usage, key) = (fixture.topology().usage(), bucket("ada").to_string());
    publish(&channel, &usage, &key, &mint.to_json(), properties)
        .await
        .expect("taken");
    let reply = Reply::from_json(&next(&mut replies).await).expect("a reply");
    let Reply::Rejected(rejection) = reply else {
        panic!("not a rejection: {reply:?}")
    };
    assert_eq!(rejection.code.as_str(), "forbidden_exchange");
    let letters = deployment.succeed(&["--json", "dead", "list"]).await;
    assert!(
        letters.contains("forbidden_exchange") && letters.lines().count() == 1,
        "{letters}"
    );
    let dropped = ["dead", "drop", "--reference", "mint", "--yes"];
    deployment.succeed(&dropped).await;
    assert_eq!(deployment.succeed(&["--json", "dead", "list"]).await, "");
}

/// Waits until the queue has one message. The broker has no event for this.
async fn wait_for_one_in(fixture: &Fixture, queue: &str) {
    let administrator = fixture.connect("scrip").await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let filled = timeout(TIMEOUT, async {
        loop {
            let channel = channel(&administrator).await;
            let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
            if declared.await.expect("the queue").message_count() == 1 {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    filled.await.expect("a message in the queue");
}

/// Conformance: Broker permissions and senders: One namespace serves one ledger: another database
/// is refused at start, on standby, after a reconnect or a broker restart; a restored copy is
/// accepted
#[tokio::test]
async fn a_worker_that_cannot_compare_its_ledger_with_the_brokers_does_not_serve() {
    let fixture = Fixture::declared().await;
    // The permissions of a worker's user before the namespace had the queue of the ledger.
    let names = format!("{}.*", NAMESPACE.replace('.', "[.]"));
    let definitions = serde_json::json!({
        "users": [{ "name": "worker", "password": "of-worker", "tags": [] }],
        "permissions": [{
            "user": "worker",
            "vhost": "/",
            "configure": format!("^{}[.]usage$", NAMESPACE.replace('.', "[.]")),
            "write": names,
            "read": names,
        }],
    });
    fixture.import(&definitions.to_string(), &["worker"]).await;
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment =
        Deployment::on_servers(&fixture.url("worker"), &database.worker_url(), NAMESPACE);
    let worker = deployment.worker();
    worker
        .wait_for(&format!(
            "the broker user may not declare `{NAMESPACE}.ledger`"
        ))
        .await;
    assert!(
        worker.log().contains("scrip topology permissions"),
        "{}",
        worker.log()
    );
    assert!(!worker.log().contains("registered"), "{}", worker.log());
    assert!(worker.terminate().await.success());
}
