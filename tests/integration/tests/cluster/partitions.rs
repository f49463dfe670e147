//! One node is cut off from the other two, which are the majority.

use integration::faults::{bench::Verdict, judge::Order};
use tokio::time::{Duration, sleep};

use crate::{
    bench::Bench,
    fixture::{Fixture, Store},
};

/// The time for which the partition lasts after service has resumed.
const PARTITION: Duration = Duration::from_secs(2);
/// The node that is cut off. It pauses, and so it closes the connections of its clients.
const ISOLATED: usize = 2;

/// Conformance: Ordering, failures and dead letters: When the broker node of a worker is cut off
/// from the others, the worker continues on their side, and no command is lost or doubled
pub async fn worker_is_in_the_minority(bench: &mut Bench) -> Verdict {
    isolate(bench, ISOLATED, 0).await
}

/// Conformance: Ordering, failures and dead letters: When the broker node of the producers is cut
/// off from that of the worker, producers continue on its side, and no command is lost or doubled
pub async fn worker_is_in_the_majority(bench: &mut Bench) -> Verdict {
    isolate(bench, 0, ISOLATED).await
}

async fn isolate(bench: &mut Bench, worker: usize, producers: usize) -> Verdict {
    let mut fixture = Fixture::new(&bench.cluster, 2, Store::shared().await).await;
    fixture.order = Order::Confirmed;
    fixture.prefer(&bench.cluster, worker, producers).await;
    fixture.start_load(bench.seed, bench.stream()).await;
    let mut workers = vec![fixture.worker().await];
    for round in 0..bench.times(1, 4) {
        if round > 0 {
            // Connections do not move back by themselves.
            let next = fixture.worker().await;
            let last = workers.pop().expect("a worker");
            assert!(last.terminate().await.success(), "the worker drains");
            workers.push(next);
        }
        fixture.moment().await;
        fixture.fault();
        let isolated = bench.cluster.isolate(ISOLATED).await;
        fixture.recovered(isolated).await;
        sleep(PARTITION).await;
        bench.cluster.rejoin(ISOLATED).await;
        bench.cluster.restore().await;
        fixture.moment().await;
    }
    fixture.finish(&bench.cluster, workers).await
}
