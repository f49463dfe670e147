//! Workers that are killed, stopped or suspended, and workers that join and leave.

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::Setup,
};
use testkit::process::Worker;

/// The heartbeat in seconds, for rows in which it must expire.
const HEARTBEAT: u32 = 2;

/// The process is killed at any instruction, and another one is started.
pub async fn killed_at_random_moments_and_started_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(10, 60);
    let mut fixture = bench.fixture(Setup::default()).await;
    let mut worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        worker.kill().await;
        let dead = fixture.fault();
        worker = fixture.worker().await;
        fixture.recovered(dead).await;
    }
    fixture.finish(vec![worker]).await
}

/// The worker commits its current group and returns the other deliveries. The next worker
/// continues.
pub async fn asked_to_stop_while_another_waits(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 40);
    let mut fixture = bench.fixture(Setup::default()).await;
    let mut first = fixture.worker().await;
    let mut second = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(500).await;
        let stopped = fixture.fault();
        assert!(first.terminate().await.success(), "the worker drains");
        fixture.recovered(stopped).await;
        first = second;
        second = fixture.worker().await;
    }
    fixture.finish(vec![first, second]).await
}

/// Another worker continues, even if the suspended one holds deliveries and locks. When the
/// suspended worker resumes, it does no harm.
pub async fn suspended_for_longer_than_the_heartbeat(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 10);
    let mut fixture = bench
        .fixture(Setup {
            heartbeat: HEARTBEAT,
            ..Setup::default()
        })
        .await;
    let mut first = fixture.worker().await;
    let mut second = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(400).await;
        first.signal("STOP").await;
        let stopped = fixture.fault();
        // Only the other worker can apply it.
        fixture.recovered(stopped).await;
        first.signal("CONT").await;
        std::mem::swap(&mut first, &mut second);
    }
    fixture.finish(vec![first, second]).await
}

/// Four queues, whose workers change all the time.
pub async fn two_then_four_join_and_leave(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 50);
    let mut fixture = bench
        .fixture(Setup {
            shards: 4,
            ..Setup::default()
        })
        .await;
    let mut workers: Vec<Worker> = vec![fixture.worker().await, fixture.worker().await];
    let mut grows = true;
    for _ in 0..times {
        fixture.moment(300).await;
        let changed = fixture.fault();
        if grows {
            workers.push(fixture.worker().await);
        } else {
            let which = usize::try_from(fixture.rng.below(workers.len() as u64)).expect("few");
            let leaves = workers.swap_remove(which);
            if fixture.rng.percent(50) {
                leaves.kill().await;
            } else {
                assert!(leaves.terminate().await.success(), "the worker drains");
            }
        }
        fixture.recovered(changed).await;
        grows = match workers.len() {
            4 => false,
            2 => true,
            _ => grows,
        };
    }
    fixture.finish(workers).await
}
