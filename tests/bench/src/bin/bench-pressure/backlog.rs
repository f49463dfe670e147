//! The scenario in which all commands are queued before the worker starts.

use std::time::Instant;

use testkit::memory::{self, Memory};

use crate::{
    Scenario,
    fixture::Fixture,
    load::{Load, Publishing},
    report::Measured,
    watch::{self, Memories},
};

/// The number of commands after which the progress bar is updated.
const STEP: u32 = 1_000;

pub async fn run(scenario: Scenario, fixture: Fixture, load: Load) -> Measured {
    memory::forget_peak();
    let publishing_seconds = fill(&fixture, &load).await;
    let producer_peak = Memory::peak_of(std::process::id()).unwrap_or_default();

    let started = Instant::now();
    let worker = fixture.worker().await;
    let mut memory = Memories::default();
    watch::until_applied(&fixture, &worker, load.commands, &mut memory).await;
    let seconds = started.elapsed().as_secs_f64();
    memory.sample(&worker);
    watch::stop(&fixture, worker).await;
    load.check(&fixture, load.commands).await;
    Measured {
        scenario,
        published: load.commands,
        publishing_seconds,
        most_queued: load.commands,
        applied: load.commands,
        seconds,
        longest_wait: None,
        worker: memory,
        producer_peak,
    }
}

/// Publishes all commands and waits for the confirms. Returns the duration in seconds.
pub async fn fill(fixture: &Fixture, load: &Load) -> f64 {
    let started = Instant::now();
    let bar = watch::bar(load.commands.into(), "published");
    let mut publishing = Publishing::to(fixture, load).await;
    while publishing.next < load.commands {
        publishing.publish().await;
        if publishing.next.is_multiple_of(STEP) {
            bar.set_position(publishing.next.into());
        }
    }
    publishing.confirmed().await;
    publishing.close().await;
    bar.finish_and_clear();
    started.elapsed().as_secs_f64()
}
