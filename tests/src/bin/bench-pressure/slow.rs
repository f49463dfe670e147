//! Producers are faster than a slow database, for a while. Then the database is fast again, and what has piled up drains.

use std::time::{Duration, Instant};

use tests::{
    memory::{self, Memory},
    process::Worker,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Scenario,
    load::{Load, Publishing},
    report::Measured,
    stage::Stage,
    watch::{self, Seen},
};

const EVERY: Duration = Duration::from_millis(100);

/// How slow and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    pub seconds: Duration,
    pub late: Duration,
    pub faster: u64,
}

/// The queue takes everything; producers publish a number of commands for each one that is applied.
pub async fn run(users: u32, shards: u32, pressure: &Pressure) -> Measured {
    let stage = Stage::new(shards).await;
    let faster = pressure.faster;
    let allowed = move |applied: u64| applied * faster;
    measure(Scenario::Slow, &stage, users, pressure, allowed).await
}

/// The queue takes so many; producers publish as fast as they can.
pub async fn run_bounded(users: u32, most: u32, pressure: &Pressure) -> Measured {
    let stage = Stage::bounded(most).await;
    measure(Scenario::Bounded, &stage, users, pressure, |_| u64::MAX).await
}

async fn measure(
    scenario: Scenario,
    stage: &Stage,
    users: u32,
    pressure: &Pressure,
    allowed: impl Fn(u64) -> u64,
) -> Measured {
    let load = Load::usual(u32::MAX, users);
    let worker = stage.worker().await;
    let mut seen = Seen::default();
    let mut publishing = Publishing::to(stage, &load).await;
    // Everybody has credits first: what a full queue refuses may be overtaken.
    while publishing.next < load.users {
        publishing.publish().await;
    }
    publishing.confirmed().await;
    watch::until_applied(stage, &worker, load.users, &mut seen).await;

    memory::forget_peak();
    stage.relay.answer_after(pressure.late);
    let under_pressure = press(stage, &worker, &mut publishing, &mut seen, pressure, allowed).await;
    let producer_peak = Memory::peak_of(std::process::id()).unwrap_or_default();
    stage.relay.release();
    publishing.confirmed().await;
    let published = publishing.next;
    publishing.close().await;
    watch::until_applied(stage, &worker, published, &mut seen).await;
    seen.look(&worker);
    watch::stop(stage, worker).await;
    load.check(stage, published).await;
    Measured {
        scenario,
        worker: seen,
        producer_peak,
        ..under_pressure
    }
}

/// Publishes while the database is slow. Measured is what happened until then.
async fn press(
    stage: &Stage,
    worker: &Worker,
    publishing: &mut Publishing<'_>,
    seen: &mut Seen,
    pressure: &Pressure,
    allowed: impl Fn(u64) -> u64,
) -> Measured {
    let bar = watch::bar(pressure.seconds.as_secs(), "seconds");
    let (before, published_before) = (stage.applied().await, publishing.next);
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    let (mut applied, mut most_queued, mut longest_wait) = (0, 0, Duration::ZERO);
    // A little at first, so that there is something to apply.
    let mut may = 1_000;
    let mut since = Instant::now();
    while started.elapsed() < pressure.seconds {
        let published = u64::from(publishing.next - published_before);
        tokio::select! {
            biased;
            _ = tick.tick() => {
                seen.look(worker);
                applied = stage.applied().await - before;
                most_queued = most_queued.max(stage.queued().await);
                bar.set_position(started.elapsed().as_secs());
                if published < may {
                    longest_wait = longest_wait.max(since.elapsed());
                } else {
                    since = Instant::now();
                }
                may = may.max(allowed(applied.into()));
            }
            () = publishing.publish(), if published < may => {
                longest_wait = longest_wait.max(since.elapsed());
                since = Instant::now();
            }
        }
    }
    bar.finish_and_clear();
    Measured {
        scenario: Scenario::Slow,
        published: publishing.next - published_before,
        publishing_seconds: started.elapsed().as_secs_f64(),
        most_queued,
        applied,
        seconds: started.elapsed().as_secs_f64(),
        longest_wait: Some(longest_wait),
        worker: *seen,
        producer_peak: Memory::default(),
    }
}
