//! The scenarios in which producers are faster than a slow database for some time. Then the
//! database is fast again, and the queued commands drain.

use std::time::{Duration, Instant};

use testkit::{
    memory::{self, Memory},
    process::Worker,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Scenario,
    fixture::Fixture,
    load::{Load, Publishing},
    report::Measured,
    watch::{self, Memories},
};

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The parameters of the slow database.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    pub seconds: Duration,
    /// The delay of each response of the database.
    pub late: Duration,
    /// The number of published commands for each applied one.
    pub faster: u64,
}

/// Measures an unbounded queue. Producers publish `faster` commands for each one that is applied.
pub async fn run(users: u32, shards: u32, pressure: &Pressure) -> Measured {
    let fixture = Fixture::new(shards).await;
    let faster = pressure.faster;
    let allowed = move |applied: u64| applied * faster;
    measure(Scenario::Slow, &fixture, users, pressure, allowed).await
}

/// Measures a queue that holds at most `most` commands. Producers publish as fast as they can.
pub async fn run_bounded(users: u32, most: u32, pressure: &Pressure) -> Measured {
    let fixture = Fixture::bounded(most).await;
    measure(Scenario::Bounded, &fixture, users, pressure, |_| u64::MAX).await
}

async fn measure(
    scenario: Scenario,
    fixture: &Fixture,
    users: u32,
    pressure: &Pressure,
    allowed: impl Fn(u64) -> u64,
) -> Measured {
    let load = Load::usual(u32::MAX, users);
    let worker = fixture.worker().await;
    let mut memory = Memories::default();
    let mut publishing = Publishing::to(fixture, &load).await;
    // All users get credits first, because later commands may overtake one that a full queue
    // refuses.
    while publishing.next < load.users {
        publishing.publish().await;
    }
    publishing.confirmed().await;
    watch::until_applied(fixture, &worker, load.users, &mut memory).await;

    memory::forget_peak();
    fixture.relay.answer_after(pressure.late);
    let under_pressure = press(
        fixture,
        &worker,
        &mut publishing,
        &mut memory,
        pressure,
        allowed,
    )
    .await;
    let producer_peak = Memory::peak_of(std::process::id()).unwrap_or_default();
    fixture.relay.release();
    publishing.confirmed().await;
    let published = publishing.next;
    publishing.close().await;
    watch::until_applied(fixture, &worker, published, &mut memory).await;
    memory.sample(&worker);
    watch::stop(fixture, worker).await;
    load.check(fixture, published).await;
    Measured {
        scenario,
        worker: memory,
        producer_peak,
        ..under_pressure
    }
}

/// Publishes while the database is slow. The measurement covers only this time.
async fn press(
    fixture: &Fixture,
    worker: &Worker,
    publishing: &mut Publishing<'_>,
    memory: &mut Memories,
    pressure: &Pressure,
    allowed: impl Fn(u64) -> u64,
) -> Measured {
    let bar = watch::bar(pressure.seconds.as_secs(), "seconds");
    let (before, published_before) = (fixture.applied().await, publishing.next);
    let mut tick = interval(POLL_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    let (mut applied, mut most_queued, mut longest_wait) = (0, 0, Duration::ZERO);
    // The first commands do not wait for others to be applied.
    let mut may = 1_000;
    let mut since = Instant::now();
    while started.elapsed() < pressure.seconds {
        let published = u64::from(publishing.next - published_before);
        tokio::select! {
            biased;
            _ = tick.tick() => {
                memory.sample(worker);
                applied = fixture.applied().await - before;
                most_queued = most_queued.max(fixture.queued().await);
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
        worker: *memory,
        producer_peak: Memory::default(),
    }
}
