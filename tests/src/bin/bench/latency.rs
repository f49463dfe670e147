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
    report::rate,
    stage::Stage,
    workload::{Users, Workload},
};

const LANES: u32 = 2;
/// The load beside the requests is published in so many portions a second.
const PORTIONS: u32 = 100;
/// What is published of the load at least, or it is told.
const REACHED: f64 = 0.95;
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

/// How long each request took while so many commands a second were published besides.
pub async fn run(stage: &mut Stage, offered: f64) -> Vec<Duration> {
    let sizes = stage.sizes;
    let seconds = f64::from(sizes.loaded_samples) / f64::from(sizes.samples_a_second);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of commands"
    )]
    let load = (offered * seconds) as usize;
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
    // The first makes connections and plans; it does not count.
    let first = Command::consume("first", large::user(ASKER), "google:fast");
    client.send(&first).await.expect("an outcome");
    let took = if load == 0 {
        // A task of its own, as a service's are.
        let asking = tokio::spawn(one_by_one(client.clone(), sizes.samples));
        asking.await.expect("an end")
    } else {
        let publishing = publish(Publisher::to(&broker).await, workload.clone(), seconds);
        let publishing = tokio::spawn(publishing);
        let took = at_their_times(&client, sizes.loaded_samples, sizes.samples_a_second).await;
        let achieved = publishing.await.expect("an end");
        if achieved < REACHED * offered {
            let note = format!("the load of {offered:.0}/s was not reached, {achieved:.0}/s were published");
            stage.notes.push(note);
        }
        took
    };
    let asked = 1 + took.len();
    lanes.until_settled(asked + load).await;
    lanes.stop(&broker).await;
    ledger.check_with(before, &workload, asked).await;
    took
}

fn command(n: usize) -> Command {
    Command::consume(format!("asked-{n}"), large::user(ASKER), "google:fast")
}

/// Each is sent when the one before has its outcome.
async fn one_by_one(client: Arc<Client>, samples: usize) -> Vec<Duration> {
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

/// Publishes the workload in so many seconds, evenly. How many a second were published and confirmed.
async fn publish(mut publisher: Publisher, workload: Workload, seconds: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let portions = ((seconds * f64::from(PORTIONS)) as usize).max(1);
    let started = Instant::now();
    let mut begun = 0;
    let mut tick = interval(Duration::from_secs(1) / PORTIONS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for (n, message) in workload.messages().enumerate() {
        while begun <= n * portions / workload.messages {
            tick.tick().await;
            begun += 1;
        }
        publisher.publish(&message).await;
    }
    publisher.confirmed().await;
    let rate = rate(workload.messages, started.elapsed());
    publisher.close().await;
    rate
}
