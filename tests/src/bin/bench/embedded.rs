//! The embedded default on one SQLite file.

use std::time::{Duration, Instant};

use producer_sdk::{Client, Command, Options, Producer};
use scrip::{
    clock::Clock,
    embedded::{Embedded, EmbeddedOptions},
};
use tests::db::TestDatabase;

use crate::{
    large,
    ledger::{Ledger, Totals},
    plain,
    report::rate,
    workload::Workload,
};

/// One transaction for each command, without any queue.
pub async fn plain(workload: &Workload) -> f64 {
    let (ledger, before) = ledger(workload).await;
    let connection = plain::prepared(&ledger.store).await;
    let started = Instant::now();
    for command in workload.only_commands() {
        plain::consume(&connection, &command)
            .await
            .expect("a committed command");
    }
    let rate = rate(workload.messages, started.elapsed());
    connection.release().await;
    ledger.check(before, workload).await;
    rate
}

/// A full queue is drained.
pub async fn drain(workload: &Workload) -> f64 {
    let (ledger, before) = ledger(workload).await;
    enqueue(&ledger, workload).await;
    let started = Instant::now();
    let worker = worker(&ledger).await;
    last(&ledger).await;
    finish(workload, (ledger, before), worker, started.elapsed()).await
}

/// Commands are applied while others are put into the queue.
pub async fn live(workload: &Workload) -> f64 {
    let (ledger, before) = ledger(workload).await;
    let worker = worker(&ledger).await;
    let started = Instant::now();
    enqueue(&ledger, workload).await;
    last(&ledger).await;
    finish(workload, (ledger, before), worker, started.elapsed()).await
}

async fn ledger(workload: &Workload) -> (Ledger, Totals) {
    let ledger = Ledger::of(TestDatabase::sqlite().await, workload.users, 1).await;
    let totals = ledger.totals().await;
    (ledger, totals)
}

async fn worker(ledger: &Ledger) -> Embedded {
    let options = EmbeddedOptions {
        url: ledger.database.url().to_owned(),
        worker: "bench".to_owned(),
        group_max: 1_000,
        clock: Clock::system(),
    };
    let worker = Embedded::start(options, ledger.store.clone(), ledger.catalog());
    worker.await.expect("a worker")
}

async fn enqueue(ledger: &Ledger, workload: &Workload) {
    let producer = Producer::connect(ledger.database.url(), Options::default());
    let producer = producer.await.expect("a producer");
    let mut handles = Vec::with_capacity(workload.messages);
    for command in workload.only_commands() {
        handles.push(producer.enqueue(&command).await.expect("room"));
    }
    for handle in handles {
        handle.await.expect("in the queue");
    }
    producer.close().await.expect("closed");
}

/// Waits for the outcome of a command behind all others. It moves nothing: its user has no wallet.
async fn last(ledger: &Ledger) {
    let options = Options {
        deadline: Duration::from_mins(5),
        ..Options::default()
    };
    let client = Client::connect(ledger.database.url(), options)
        .await
        .expect("a client");
    let nobody = Command::consume("last", large::user(u32::MAX), "google:fast");
    client.send(&nobody).await.expect("an outcome");
}

async fn finish(workload: &Workload, of: (Ledger, Totals), worker: Embedded, took: Duration) -> f64 {
    let (ledger, before) = of;
    assert!(worker.drain(Duration::from_secs(30)).await, "the worker drains");
    // A refusal because there is no wallet is recorded, too.
    ledger
        .database
        .execute("DELETE FROM credits_transaction WHERE reference_id = 'last'")
        .await;
    ledger.check(before, workload).await;
    rate(workload.messages, took)
}
