//! Workers that start and stop on the cluster.

use std::{collections::BTreeSet, net::TcpListener, time::Instant};

use integration::faults::{bench::Verdict, judge::Order};
use testkit::proxy::Proxy;

use crate::{
    bench::{Bench, NODES},
    fixture::{Fixture, Store},
};

/// Conformance: Ordering, failures and dead letters: While workers are replaced one after the other
/// on a cluster, each command is applied once and in order
pub async fn are_replaced_one_by_one(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.start_load(bench.seed, bench.stream()).await;
    let mut workers = vec![fixture.worker().await, fixture.worker().await];
    for _ in 0..bench.times(4, 20) {
        fixture.moment().await;
        workers.push(fixture.worker().await);
        let oldest = workers.remove(0);
        let stopped = fixture.fault();
        let (status, ()) = tokio::join!(oldest.terminate(), fixture.recovered(stopped));
        assert!(status.success(), "the worker drains");
    }
    fixture.finish(&bench.cluster, workers).await
}

/// Conformance: Ordering, failures and dead letters: A worker that starts while any one node of a
/// broker cluster is down serves every shard
pub async fn start_while_any_node_is_down(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 3, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    every_queue_is_replicated_and_leaders_are_spread(bench, &fixture).await;
    fixture.start_load(bench.seed, bench.stream()).await;
    for down in 0..bench.times(1, 2) * NODES {
        let down = down % NODES;
        bench.cluster.node_mut(down).kill().await;
        fixture.connect_to(bench.cluster.url((down + 1) % NODES));
        fixture.listen();
        fixture.fault();
        let started = Instant::now();
        let worker = fixture.deployment.worker();
        fixture.recovered(started).await;
        fixture
            .health(|report| {
                let capabilities = report["capabilities"].as_object();
                report["ok"] == true
                    && capabilities.is_some_and(|all| all.values().all(|one| one["ok"] == true))
            })
            .await;
        assert!(worker.terminate().await.success());
        bench.cluster.bring_back(&[down]).await;
    }
    let worker = fixture.worker().await;
    fixture.finish(&bench.cluster, vec![worker]).await
}

async fn every_queue_is_replicated_and_leaders_are_spread(bench: &Bench, fixture: &Fixture) {
    let list = ["list_queues", "--silent", "type", "leader", "name"];
    let queues = bench.cluster.node(0).ctl(&list).await;
    let namespace = fixture.topology.namespace();
    let queues: Vec<Vec<&str>> = queues
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|columns: &Vec<&str>| columns.len() == 3 && columns[2].starts_with(namespace))
        .collect();
    assert!(queues.len() >= 8, "{queues:?}");
    let is_quorum = |queue: &Vec<&str>| queue[0] == "quorum";
    assert!(queues.iter().all(is_quorum), "{queues:?}");
    let leaders: BTreeSet<&str> = queues.iter().map(|queue| queue[1]).collect();
    assert_eq!(leaders.len(), NODES, "leaders are not spread: {queues:?}");
}

/// Conformance: Ordering, failures and dead letters: A worker with a list of broker addresses, one
/// of which accepts connections and says nothing, serves over another one
pub async fn start_with_a_silent_address(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.start_load(bench.seed, bench.stream()).await;
    // Connections wait in the backlog of the listener.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    let nodes = (0..NODES).map(|node| Proxy::target(bench.cluster.url(node)));
    let addresses = [silent].into_iter().chain(nodes);
    let urls: Vec<String> = addresses
        .map(|address| format!("amqp://guest:guest@{address}/%2f"))
        .collect();
    fixture.connect_to(&urls.join(","));
    for _ in 0..bench.times(3, 20) {
        let started = fixture.fault();
        let worker = fixture.deployment.worker();
        fixture.recovered(started).await;
        assert!(worker.terminate().await.success(), "the worker drains");
    }
    let worker = fixture.worker().await;
    fixture.finish(&bench.cluster, vec![worker]).await
}
