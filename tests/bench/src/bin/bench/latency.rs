//! The latency of a command and its outcome with the SDK.

use std::{sync::Arc, time::Duration};

use producer_sdk::{Client, Command, Options};
use testkit::{broker::TestBroker, db::TestDatabase};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    fixture::{Fixture, Sizes},
    lanes::Lanes,
    large,
    ledger::Ledger,
    load::{LANES, Load, Schedule},
    publisher::Publisher,
};

/// The user whose commands are measured.
const CLIENT_USER: u32 = 0;

/// The 50th, 99th and 99.9th percentile in milliseconds.
pub fn parts(mut took: Vec<Duration>) -> Vec<f64> {
    took.sort();
    let at = |thousandth: usize| {
        let index = (took.len() * thousandth / 1_000).min(took.len() - 1);
        took[index].as_secs_f64() * 1_000.0
    };
    vec![at(500), at(990), at(999)]
}

/// The latency of each command, under a load of `offered` commands per second.
pub async fn run(fixture: &mut Fixture, offered: f64) -> Vec<Duration> {
    let sizes = fixture.sizes;
    let load = Load::new(fixture, offered);
    let ledger = Ledger::with_batches(TestDatabase::postgres().await, load.workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(LANES).await;
    let lanes = Lanes::start(&ledger, &broker, 1_000).await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Arc::new(
        Client::connect(broker.url(), options)
            .await
            .expect("a client"),
    );
    // The first command does not count, because the database plans its statements.
    let first = Command::consume("first", large::user(CLIENT_USER), "google:fast");
    client.send(&first).await.expect("an outcome");
    let took = if load.is_none() {
        // A separate task, as in a service.
        let requesting = tokio::spawn(one_by_one(client.clone(), sizes.samples));
        requesting.await.expect("an end")
    } else {
        let publishing = tokio::spawn(load.clone().publish(Publisher::to(&broker).await));
        let took = on_schedule(&client, &sizes).await;
        load.check(fixture, publishing.await.expect("an end"));
        took
    };
    let sent = 1 + took.len();
    lanes.until_settled(sent + load.workload.messages).await;
    lanes.stop(&broker).await;
    ledger.check_with(before, &load.workload, sent).await;
    took
}

fn command(n: usize) -> Command {
    Command::consume(
        format!("sample-{n}"),
        large::user(CLIENT_USER),
        "google:fast",
    )
}

/// Sends each command after the outcome of the one before.
async fn one_by_one(client: Arc<Client>, samples: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(samples);
    for n in 0..samples {
        let started = Instant::now();
        client.send(&command(n)).await.expect("an outcome");
        took.push(started.elapsed());
    }
    took
}

/// Sends each command at its scheduled time, without waiting for the outcomes of earlier ones. The
/// latency counts from the scheduled time.
async fn on_schedule(client: &Arc<Client>, sizes: &Sizes) -> Vec<Duration> {
    let mut sent = JoinSet::new();
    let mut schedule = Schedule::start(sizes);
    while let Some((n, due)) = schedule.next().await {
        let client = client.clone();
        sent.spawn(async move {
            client.send(&command(n)).await.expect("an outcome");
            due.elapsed()
        });
    }
    sent.join_all().await
}
