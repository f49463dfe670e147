//! Nodes that are killed, stopped or frozen.

use integration::faults::{bench::Verdict, judge::Order, load::SendMode};
use tokio::time::{Duration, sleep};

use crate::{
    bench::{Bench, NODES},
    fixture::{Fixture, Store},
};

/// The time without a majority of the nodes.
const OUTAGE: Duration = Duration::from_secs(3);

/// Conformance: Ordering, failures and dead letters: When the broker node that producers and worker
/// are connected to is killed, service resumes over another node, and no command is lost or doubled
pub async fn connected_node_is_killed(bench: &mut Bench) -> Verdict {
    // A queue without a leader refuses messages, and those under way may overtake them.
    kill_connected_nodes(bench, bench.stream(), Order::Confirmed).await
}

/// Conformance: Ordering, failures and dead letters: A producer that waits for each confirm keeps
/// the order of its commands also when its broker node is killed
pub async fn connected_node_is_killed_and_producers_wait_for_confirms(
    bench: &mut Bench,
) -> Verdict {
    kill_connected_nodes(bench, SendMode::OneByOne, Order::Sent).await
}

async fn kill_connected_nodes(bench: &mut Bench, mode: SendMode, order: Order) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = order;
    fixture.start_load(bench.seed, mode).await;
    let worker = fixture.worker().await;
    for round in 0..bench.times(1, 6) {
        fixture.moment().await;
        // The balancer prefers the first node, so the next connection goes to the second one.
        let connected = round % 2;
        let killed = fixture.fault();
        bench.while_down(connected, fixture.recovered(killed)).await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}

/// Conformance: Ordering, failures and dead letters: When the node that leads a queue is killed,
/// the queue continues under another leader, and no command is lost or doubled
pub async fn queue_leader_is_killed(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    let leader = leader(bench, &fixture).await;
    let connected = (leader + 1) % NODES;
    fixture.prefer(&bench.cluster, connected, connected).await;
    fixture.start_load(bench.seed, bench.stream()).await;
    let worker = fixture.worker().await;
    for round in 0..bench.times(1, 6) {
        fixture.moment().await;
        let leader = self::leader(bench, &fixture).await;
        if leader == connected {
            println!("after {round} faults the connected node leads the queue");
            break;
        }
        let killed = fixture.fault();
        bench.while_down(leader, fixture.recovered(killed)).await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}

/// The number of the node that leads the queue of the first shard.
async fn leader(bench: &Bench, fixture: &Fixture) -> usize {
    let list = ["list_queues", "--silent", "name", "leader"];
    let queues = bench.cluster.node(0).ctl(&list).await;
    let queue = format!("{}\t", fixture.topology.commands(0));
    let leader = queues.lines().find_map(|line| line.strip_prefix(&queue));
    bench.cluster.number_of(leader.expect("a leader"))
}

/// Conformance: Ordering, failures and dead letters: Without a majority of the broker nodes nothing
/// is applied and nothing is lost, and service resumes when they return
pub async fn majority_is_lost_and_comes_back(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    fixture.start_load(bench.seed, bench.stream()).await;
    let worker = fixture.worker().await;
    for round in 0..bench.times(1, 4) {
        fixture.moment().await;
        let down = [(round + 1) % NODES, (round + 2) % NODES];
        for node in down {
            bench.cluster.node_mut(node).kill().await;
        }
        sleep(OUTAGE).await;
        bench.cluster.bring_back(&down).await;
        let back = fixture.fault();
        fixture.recovered(back).await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}

/// Conformance: Ordering, failures and dead letters: When the connected broker node freezes beyond
/// the heartbeat and resumes, service resumes over another node, and no command is lost or doubled
pub async fn connected_node_freezes_and_resumes(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    fixture.start_load(bench.seed, bench.stream()).await;
    let worker = fixture.worker().await;
    for round in 0..bench.times(1, 4) {
        fixture.moment().await;
        let connected = round % 2;
        let frozen = fixture.fault();
        bench.cluster.node(connected).signal("STOP").await;
        for balancer in [&fixture.workers, &fixture.producers] {
            balancer.avoid(Some(connected));
        }
        fixture.recovered(frozen).await;
        bench.cluster.node(connected).signal("CONT").await;
        fixture.moment().await;
        // RabbitMQ 3.10 does not always take it back by itself.
        bench.cluster.node_mut(connected).kill_and_start().await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}

/// Conformance: Ordering, failures and dead letters: While all broker nodes are restarted one after
/// the other, no command is lost or doubled
pub async fn nodes_are_restarted_one_by_one(bench: &mut Bench) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    fixture.start_load(bench.seed, bench.stream()).await;
    let worker = fixture.worker().await;
    for round in 0..bench.times(NODES, 3 * NODES) {
        fixture.moment().await;
        let node = round % NODES;
        let stopped = fixture.fault();
        let stop = bench.cluster.node_mut(node).stop();
        tokio::join!(stop, fixture.recovered(stopped));
        fixture.moment().await;
        bench.cluster.bring_back(&[node]).await;
    }
    fixture.finish(&bench.cluster, vec![worker]).await
}
