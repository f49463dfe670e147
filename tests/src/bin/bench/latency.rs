//! From sending a command to having its outcome, by the SDK.

use std::{sync::Arc, time::Duration};

use producer_sdk::{Client, Command, Options};
use tests::{broker::TestBroker, db::TestDatabase};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{
    lanes::Lanes,
    large,
    ledger::Ledger,
    publisher::Publisher,
    stage::Stage,
    workload::{Users, Workload},
};

const LANES: u32 = 2;
/// The load beside the requests is published in so many portions a second.
const PORTIONS: u32 = 100;
/// Whose commands are waited for.
const ASKER: u32 = 0;

/// The 50th, 99th and 99.9th of hundred, in milliseconds.
pub fn parts(mut took: Vec<Duration>) -> Vec<f64> {
    took.sort();
    let at = |thousandth: usize| {
        let place = (took.len() * thousandth / 1_000).min(took.len() - 1);
        took[place].as_secs_f64() * 1_000.0
    };
    vec![at(500), at(990), at(999)]
}

/// How long each request took while so many percent of the highest live rate were published besides.
pub async fn run(stage: &mut Stage, percent: u32) -> Vec<Duration> {
    let (rate, sizes) = (stage.highest_live() * f64::from(percent) / 100.0, stage.sizes);
    let seconds = f64::from(sizes.loaded_samples) / f64::from(sizes.samples_a_second);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of commands"
    )]
    let load = (rate * seconds) as usize;
    let workload = Workload::consume(stage, Users::Uniform(10_000), load);
    let ledger = Ledger::of(TestDatabase::postgres().await, workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(LANES).await;
    let lanes = Lanes::start(&ledger, &broker, 1_000).await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Arc::new(Client::connect(broker.url(), options).await.expect("a client"));
    let publishing = publish(&broker, &workload, seconds);
    let (took, ()) = if percent == 0 {
        (one_by_one(&client, sizes.samples).await, publishing.await)
    } else {
        let asking = at_their_times(&client, sizes.loaded_samples, sizes.samples_a_second);
        tokio::join!(asking, publishing)
    };
    lanes.until_settled(took.len() + load).await;
    lanes.stop(&broker).await;
    ledger.check_with(before, &workload, took.len()).await;
    took
}

fn command(n: usize) -> Command {
    Command::consume(format!("asked-{n}"), large::user(ASKER), "google:fast")
}

/// Each is sent when the one before has its outcome.
async fn one_by_one(client: &Client, samples: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(samples);
    for n in 0..samples {
        let started = Instant::now();
        client.send(&command(n)).await.expect("an outcome");
        took.push(started.elapsed());
    }
    took
}

/// Each is sent at its time, whether or not the ones before have their outcomes, and counts from then on.
async fn at_their_times(client: &Arc<Client>, samples: u32, a_second: u32) -> Vec<Duration> {
    let mut asked = JoinSet::new();
    let started = Instant::now();
    for n in 0..samples {
        let due = started + Duration::from_secs(1) * n / a_second;
        sleep_until(due).await;
        let client = client.clone();
        asked.spawn(async move {
            client.send(&command(n as usize)).await.expect("an outcome");
            due.elapsed()
        });
    }
    asked.join_all().await
}

/// Publishes the workload in so many seconds, evenly.
async fn publish(broker: &TestBroker, workload: &Workload, seconds: f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let portions = ((seconds * f64::from(PORTIONS)) as usize).max(1);
    let portion = workload.messages.div_ceil(portions).max(1);
    let mut publisher = Publisher::to(broker).await;
    let mut tick = interval(Duration::from_secs(1) / PORTIONS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for (n, message) in workload.messages().enumerate() {
        if n % portion == 0 {
            tick.tick().await;
        }
        publisher.publish(&message).await;
    }
    publisher.close().await;
}
