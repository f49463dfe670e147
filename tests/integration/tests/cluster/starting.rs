//! A worker starts while a node is down.

use std::collections::BTreeSet;

use tokio::time::Instant;

use crate::fixture::{Fixture, NAMESPACE};

/// Conformance: Ordering, failures and dead letters: A worker that starts while any one node of a
/// broker cluster is down serves every shard
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_while_any_node_is_down_serves_every_shard() {
    let mut fixture = Fixture::new(3).await;
    fixture.deployment.succeed(&["topology", "declare"]).await;
    let listed = ["list_queues", "--silent", "type", "leader", "name"];
    let queues = fixture.cluster.node(0).ctl(&listed).await;
    let queues: Vec<Vec<&str>> = queues
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|columns: &Vec<&str>| columns.len() == 3 && columns[2].starts_with(NAMESPACE))
        .collect();
    assert!(queues.len() >= 8, "{queues:?}");
    assert!(
        queues.iter().all(|queue| queue[0] == "quorum"),
        "{queues:?}"
    );
    let leaders: BTreeSet<&str> = queues.iter().map(|queue| queue[1]).collect();
    assert_eq!(leaders.len(), 3, "the leaders are not spread: {queues:?}");

    for down in 0..3 {
        let url = fixture.cluster.url((down + 1) % 3).to_owned();
        fixture.cluster.node_mut(down).kill().await;
        fixture.connect_to(&url);
        let began = Instant::now();
        let worker = fixture.deployment.worker();
        for shard in 0..3 {
            let reference = format!("r-{down}-{shard}");
            fixture
                .send(&url, &reference, &fixture.user_of(shard))
                .await;
        }
        for shard in 0..3 {
            fixture.applied(&format!("r-{down}-{shard}")).await;
        }
        let took = began.elapsed();
        println!("node {down} down: every shard is served {took:?} after the start of a worker");
        fixture
            .health(|report| {
                let capabilities = report["capabilities"].as_object();
                report["ok"] == true
                    && capabilities.is_some_and(|all| all.values().all(|one| one["ok"] == true))
            })
            .await;
        assert!(worker.terminate().await.success());
        fixture.cluster.node_mut(down).bring_back().await;
    }
}
