//! The latency of a command and its outcome over the HTTP API, without other load.

use std::time::{Duration, Instant};

use producer_sdk::Command;
use testkit::{broker::TestBroker, db::TestDatabase};

use super::{client::HttpClient, server::Server};
use crate::{
    fixture::Fixture,
    lanes::Lanes,
    large,
    ledger::Ledger,
    load::LANES,
    workload::{Users, Workload},
};

/// The latency of each command. Ledger, lanes and commands are those of the latency over the SDK.
pub async fn run(fixture: &mut Fixture) -> Vec<Duration> {
    let samples = fixture.sizes.samples;
    let none = Workload::consume(fixture, Users::Uniform(10_000), 0);
    let ledger = Ledger::with_batches(TestDatabase::postgres().await, none.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(LANES).await;
    let lanes = Lanes::start(&ledger, &broker, 1_000).await;
    let server = Server::start(&broker, &ledger).await;
    let mut client = HttpClient::connect(&server).await;
    // The first command does not count, because the database plans its statements.
    client.send(&command("first")).await;
    let requesting = tokio::spawn(async move {
        let mut took = Vec::with_capacity(samples);
        for n in 0..samples {
            let command = command(&format!("sample-{n}"));
            let started = Instant::now();
            client.send(&command).await;
            took.push(started.elapsed());
        }
        took
    });
    let took = requesting.await.expect("an end");
    let sent = 1 + took.len();
    server.stop().await;
    lanes.until_settled(sent).await;
    lanes.stop(&broker).await;
    ledger.check_with(before, &none, sent).await;
    took
}

fn command(reference: &str) -> Command {
    Command::consume(reference, large::user(0), "google:fast")
}
