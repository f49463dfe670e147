//! Very many dead letters, which the command reads in several batches.

use futures_util::{StreamExt, stream};
use lapin::BasicProperties;
use producer_sdk::{Command, contract::headers};
use serde_json::Value;
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
};
use tokio::time::{Duration, sleep};

use super::table;

/// A number of dead letters that the command reads in several batches.
const MANY: u32 = 3_000;

/// A deployment with many dead letters of apps. Every tenth belongs to another user.
async fn with_many_dead_letters() -> (TestBroker, TestDatabase, Deployment) {
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace().to_owned();
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), &namespace);
    let dead = broker.topology().dead();
    let of_apps = table(&[(headers::ORIGIN, "usage"), (headers::REASON, "poison")]);
    let publish = async |n: u32| {
        let user = if n.is_multiple_of(10) { "bob" } else { "ada" };
        let body = Command::consume(format!("c-{n}"), user, "s").to_json();
        let properties = BasicProperties::default().with_headers(of_apps.clone());
        broker.publish("", &dead, &body, properties).await;
    };
    stream::iter(0..MANY)
        .map(publish)
        .buffered(500)
        .collect::<()>()
        .await;
    broker.wait_for_ready(&dead, MANY).await;
    (broker, database, deployment)
}

/// The references in the order of the listing.
async fn listed(deployment: &Deployment, limit: u32) -> Vec<String> {
    let limit = limit.to_string();
    let output = deployment
        .succeed(&["--json", "dead", "list", "--limit", &limit])
        .await;
    let reference = |line: &str| {
        let letter: Value = serde_json::from_str(line).expect("one dead letter per line");
        letter["referenceId"]
            .as_str()
            .expect("a reference")
            .to_owned()
    };
    output.lines().map(reference).collect()
}

/// Panics at the first difference between two lists.
fn same(actual: &[String], expected: &[String]) {
    let differ = actual.iter().zip(expected).position(|(a, b)| a != b);
    let around = differ.map(|at| &actual[at.saturating_sub(2)..actual.len().min(at + 40)]);
    assert_eq!((differ, actual.len()), (None, expected.len()), "{around:?}");
}

async fn replayed(deployment: &Deployment, arguments: &[&str]) -> Value {
    let output = deployment
        .succeed(&[&["--json", "dead", "replay"], arguments].concat())
        .await;
    let output: Value = serde_json::from_str(&output).expect("JSON");
    output["counts"]["replayed"].clone()
}

async fn back_in_their_queues(broker: &TestBroker) -> u32 {
    broker.ready_in(&broker.topology().commands(0)).await
        + broker.ready_in(&broker.topology().unrouted()).await
}

/// Conformance: Ordering, failures and dead letters: Each of very many dead letters is read once;
/// kept ones return to their place, replayed ones are removed
#[tokio::test(flavor = "multi_thread")]
async fn of_many_dead_letters_no_replayed_one_stays() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    assert_eq!(replayed(&deployment, &["--all"]).await, MANY);
    broker.wait_for_ready(&broker.topology().dead(), 0).await;
    assert_eq!(back_in_their_queues(&broker).await, MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_if_the_queue_is_emptied_in_the_meantime() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    let dead = broker.topology().dead();
    let (replayed, ()) = tokio::join!(replayed(&deployment, &["--all", "--rate", "500"]), async {
        while back_in_their_queues(&broker).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        broker.purge(&dead).await;
    });
    let went = replayed.as_u64().expect("a number");
    assert!((1..u64::from(MANY)).contains(&went), "{went}");
    assert_eq!(u64::from(back_in_their_queues(&broker).await), went);
    broker.wait_for_ready(&dead, 0).await;
}

/// Conformance: Ordering, failures and dead letters: Each of very many dead letters is read once;
/// kept ones return to their place, replayed ones are removed
#[tokio::test(flavor = "multi_thread")]
async fn of_many_dead_letters_each_is_read_once_and_keeps_its_position() {
    let (broker, _database, deployment) = with_many_dead_letters().await;
    let all: Vec<String> = (0..MANY).map(|n| format!("c-{n}")).collect();
    same(&listed(&deployment, MANY).await, &all);
    same(&listed(&deployment, 5).await, &all[..5]);
    same(&listed(&deployment, MANY).await, &all);
    // The replayed dead letters are between the remaining ones.
    assert_eq!(replayed(&deployment, &["--user", "bob"]).await, MANY / 10);
    assert_eq!(back_in_their_queues(&broker).await, MANY / 10);
    let remaining: Vec<String> = (0..MANY)
        .filter(|n| !n.is_multiple_of(10))
        .map(|n| format!("c-{n}"))
        .collect();
    same(&listed(&deployment, MANY).await, &remaining);
}
