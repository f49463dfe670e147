//! Workers that die, stop, hang, join and leave.

use tests::{
    faults::{
        bench::{Bench, Verdict},
        stage::Setup,
    },
    process::Worker,
};

/// Seconds of the heartbeat, where one has to pass.
const HEARTBEAT: u32 = 2;

/// The process ends at whatever instruction it is, and another begins.
pub async fn killed_at_random_moments_and_started_again(bench: &mut Bench) -> Verdict {
    let times = bench.times(10, 60);
    let mut stage = bench.stage(Setup::default()).await;
    let mut worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        worker.kill().await;
        let dead = stage.fault();
        worker = stage.worker().await;
        stage.recovered(dead).await;
    }
    stage.finish(vec![worker]).await
}

/// It commits what it has begun, gives back the rest, and the next one goes on.
pub async fn asked_to_stop_while_another_waits(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 40);
    let mut stage = bench.stage(Setup::default()).await;
    let mut first = stage.worker().await;
    let mut second = stage.worker().await;
    for _ in 0..times {
        stage.moment(500).await;
        let asked = stage.fault();
        assert!(first.terminate().await.success(), "it drains");
        stage.recovered(asked).await;
        first = second;
        second = stage.worker().await;
    }
    stage.finish(vec![first, second]).await
}

/// Whatever it holds when it stands still, locks included, another goes on; what it does when it wakes up harms nothing.
pub async fn suspended_for_longer_than_the_heartbeat(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 10);
    let mut stage = bench
        .stage(Setup {
            heartbeat: HEARTBEAT,
            ..Setup::default()
        })
        .await;
    let mut first = stage.worker().await;
    let mut second = stage.worker().await;
    for _ in 0..times {
        stage.moment(400).await;
        first.signal("STOP").await;
        let stopped = stage.fault();
        // Only the other one can do that.
        stage.recovered(stopped).await;
        first.signal("CONT").await;
        std::mem::swap(&mut first, &mut second);
    }
    stage.finish(vec![first, second]).await
}

/// Four queues, and who serves them changes all the time.
pub async fn two_then_four_join_and_leave(bench: &mut Bench) -> Verdict {
    let times = bench.times(6, 50);
    let mut stage = bench
        .stage(Setup {
            shards: 4,
            ..Setup::default()
        })
        .await;
    let mut workers: Vec<Worker> = vec![stage.worker().await, stage.worker().await];
    let mut grows = true;
    for _ in 0..times {
        stage.moment(300).await;
        let changed = stage.fault();
        if grows {
            workers.push(stage.worker().await);
        } else {
            let which = usize::try_from(stage.dice.below(workers.len() as u64)).expect("few");
            let leaves = workers.swap_remove(which);
            if stage.dice.percent(50) {
                leaves.kill().await;
            } else {
                assert!(leaves.terminate().await.success(), "it drains");
            }
        }
        stage.recovered(changed).await;
        grows = match workers.len() {
            4 => false,
            2 => true,
            _ => grows,
        };
    }
    stage.finish(workers).await
}
