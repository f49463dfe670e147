//! Everything is queued before the worker starts.

use std::time::Instant;

use tests::memory::{self, Memory};

use crate::{
    Scenario,
    load::{Load, Publishing},
    report::Measured,
    stage::Stage,
    watch::{self, Seen},
};

/// The bar moves after so many commands.
const STEP: u32 = 1_000;

pub async fn run(scenario: Scenario, stage: Stage, load: Load) -> Measured {
    memory::forget_peak();
    let publishing_seconds = fill(&stage, &load).await;
    let producer_peak = Memory::peak_of(std::process::id()).unwrap_or_default();

    let started = Instant::now();
    let worker = stage.worker().await;
    let mut seen = Seen::default();
    watch::until_applied(&stage, &worker, load.commands, &mut seen).await;
    let seconds = started.elapsed().as_secs_f64();
    seen.look(&worker);
    watch::stop(&stage, worker).await;
    load.check(&stage, load.commands).await;
    Measured {
        scenario,
        published: load.commands,
        publishing_seconds,
        most_queued: load.commands,
        applied: load.commands,
        seconds,
        longest_wait: None,
        worker: seen,
        producer_peak,
    }
}

/// Publishes everything, confirmed. Returns how long that took, in seconds.
pub async fn fill(stage: &Stage, load: &Load) -> f64 {
    let started = Instant::now();
    let bar = watch::bar(load.commands.into(), "published");
    let mut publishing = Publishing::to(stage, load).await;
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
