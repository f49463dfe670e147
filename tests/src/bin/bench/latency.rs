//! From sending a command to having its outcome, by the SDK.

use std::{sync::Arc, time::Duration};

use producer_sdk::{Client, Command, Options};
use tests::{broker::TestBroker, db::TestDatabase};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    lanes::Lanes,
    large,
    ledger::Ledger,
    load::{LANES, Load, Times},
    publisher::Publisher,
    stage::{Sizes, Stage},
};

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
    let load = Load::new(stage, offered);
    let ledger = Ledger::of(TestDatabase::postgres().await, load.workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(LANES).await;
    let lanes = Lanes::start(&ledger, &broker, 1_000).await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Arc::new(Client::connect(broker.url(), options).await.expect("a client"));
    // The first makes plans; it does not count.
    let first = Command::consume("first", large::user(ASKER), "google:fast");
    client.send(&first).await.expect("an outcome");
    let took = if load.is_none() {
        // A task of its own, as a service's are.
        let asking = tokio::spawn(one_by_one(client.clone(), sizes.samples));
        asking.await.expect("an end")
    } else {
        let publishing = tokio::spawn(load.clone().publish(Publisher::to(&broker).await));
        let took = at_their_times(&client, &sizes).await;
        load.check(stage, publishing.await.expect("an end"));
        took
    };
    let asked = 1 + took.len();
    lanes.until_settled(asked + load.workload.messages).await;
    lanes.stop(&broker).await;
    ledger.check_with(before, &load.workload, asked).await;
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
async fn at_their_times(client: &Arc<Client>, sizes: &Sizes) -> Vec<Duration> {
    let mut asked = JoinSet::new();
    let mut times = Times::start(sizes);
    while let Some((n, due)) = times.next().await {
        let client = client.clone();
        asked.spawn(async move {
            client.send(&command(n)).await.expect("an outcome");
            due.elapsed()
        });
    }
    asked.join_all().await
}
