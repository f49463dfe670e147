//! The node that everything is connected to is killed.

use integration::faults::{
    judge::{Leniency, judge},
    load::{Load, SendMode},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use testkit::broker::TIMEOUT;
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, NAMESPACE};

const SEED: u64 = 17;
/// Commands per second of each of the three producers.
const RATE: u64 = 100;

/// Conformance: Ordering, failures and dead letters: When the broker node that producers and worker
/// are connected to is killed, service resumes over another node, and no command is lost or doubled
#[tokio::test(flavor = "multi_thread")]
async fn service_resumes_over_another_node_and_nothing_is_lost_or_doubled() {
    // A queue without a leader nacks messages, and those under way may overtake them.
    let leniency = Leniency { any_order: true };
    kill_connected_nodes(SendMode::Stream(RATE), leniency).await;
}

/// Conformance: Ordering, failures and dead letters: A producer that waits for each confirm keeps
/// the order of its commands also when its broker node is killed
#[tokio::test(flavor = "multi_thread")]
async fn commands_stay_in_order_if_their_producer_waits_for_each_confirm() {
    kill_connected_nodes(SendMode::OneByOne, Leniency::default()).await;
}

async fn kill_connected_nodes(mode: SendMode, leniency: Leniency) {
    let mut fixture = Fixture::new(2).await;
    let balancer = fixture.cluster.balancer().await;
    fixture.connect_to(balancer.url());
    let worker = fixture.deployment.ready_worker().await;
    let load = Load::start(balancer.url(), NAMESPACE, SEED, mode).await;
    // The balancer prefers the first node, so a node that comes back is connected to again.
    for connected in [0, 1, 0] {
        fixture.applied(&load.reference_after(0, 100)).await;
        fixture.cluster.node_mut(connected).kill().await;
        let killed = Instant::now();
        for producer in 0..3 {
            fixture.applied(&load.reference_after(producer, 1)).await;
        }
        let took = killed.elapsed();
        println!("connected node {connected} killed: service resumes after {took:?}");
        fixture.cluster.node_mut(connected).bring_back().await;
    }
    let sendings = load.stop().await;
    wait_for_all(&fixture, sendings.commands.len()).await;
    assert!(worker.terminate().await.success());
    let list = ["dead", "list", "--json", "--limit", "1000000"];
    let dead = fixture.deployment.succeed(&list).await;
    let dead: Vec<Value> = dead
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ledger = fixture.database.connection();
    let findings = judge(ledger, &sendings, &dead, leniency).await;
    println!("{} commands judged", findings.confirmed);
    assert!(findings.hold(), "{findings:#?}");
}

/// Waits until this number of commands has an outcome, or there is no more progress. The judge
/// reports the missing ones.
async fn wait_for_all(fixture: &Fixture, commands: usize) {
    let sql = "SELECT COUNT(*) FROM credits_transaction WHERE origin <> 'internal'";
    let mut progress = (0, Instant::now());
    while progress.1.elapsed() < TIMEOUT {
        let statement = Statement::from_string(fixture.database.backend(), sql);
        let row = fixture.database.connection().query_one_raw(statement).await;
        let row: i64 = row.unwrap().unwrap().try_get_by_index(0).unwrap();
        let count = usize::try_from(row).unwrap();
        if count >= commands {
            return;
        }
        if count > progress.0 {
            progress = (count, Instant::now());
        }
        sleep(std::time::Duration::from_millis(50)).await;
    }
}
