//! Embedded mode on one SQLite file.

use std::time::{Duration, Instant};

use producer_sdk::{Client, Command, Options, Producer};
use scrip::{
    clock::Clock,
    transport::embedded::{Embedded, EmbeddedOptions},
};
use testkit::db::TestDatabase;

use crate::{
    large,
    ledger::{Ledger, Totals},
    plain,
    report::rate,
    workload::Workload,
};

/// Applies commands with one transaction each, without a queue. Returns commands per second.
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

/// Drains a full queue. Returns commands per second.
pub async fn drain(workload: &Workload) -> f64 {
    let (ledger, before) = ledger(workload).await;
    enqueue(&ledger, workload).await;
    let started = Instant::now();
    let worker = worker(&ledger).await;
    last(&ledger).await;
    finish(workload, (ledger, before), worker, started.elapsed()).await
}

/// Applies commands while others are enqueued. Returns commands per second.
pub async fn live(workload: &Workload) -> f64 {
    let (ledger, before) = ledger(workload).await;
    let worker = worker(&ledger).await;
    let started = Instant::now();
    enqueue(&ledger, workload).await;
    last(&ledger).await;
    finish(workload, (ledger, before), worker, started.elapsed()).await
}

async fn ledger(workload: &Workload) -> (Ledger, Totals) {
    let ledger = Ledger::with_batches(TestDatabase::sqlite().await, workload.users, 1).await;
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
        handles.push(producer.enqueue(&command).await.expect("space"));
    }
    for handle in handles {
        handle.await.expect("in the queue");
    }
    producer.close().await.expect("closed");
}

/// Sends a command after all others and waits for its outcome. It moves no credits, because its
/// user has no wallet.
async fn last(ledger: &Ledger) {
    let options = Options {
        deadline: Duration::from_mins(5),
        ..Options::default()
    };
    let client = Client::connect(ledger.database.url(), options)
        .await
        .expect("a client");
    let command = Command::consume("last", large::user(u32::MAX), "google:fast");
    client.send(&command).await.expect("an outcome");
}

async fn finish(
    workload: &Workload,
    ledger: (Ledger, Totals),
    worker: Embedded,
    took: Duration,
) -> f64 {
    let (ledger, before) = ledger;
    assert!(
        worker.drain(Duration::from_secs(30)).await,
        "the worker drains"
    );
    // The refusal of the last command is recorded and must not count.
    ledger
        .database
        .execute("DELETE FROM credits_transaction WHERE reference_id = 'last'")
        .await;
    ledger.check(before, workload).await;
    rate(workload.messages, took)
}
