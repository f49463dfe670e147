//! The rate at which commands are accepted: published and confirmed by the broker. They are applied
//! after the measurement, so that no worker takes time from it.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::future::{join_all, try_join_all};
use producer_sdk::{Command, Options, Producer};
use testkit::{broker::TestBroker, db::TestDatabase};

use super::{client::HttpClient, server::Server};
use crate::{
    lanes::Lanes, large, ledger::Ledger, ledger::Totals, load::LANES, report::rate,
    workload::Workload,
};

/// The number of batches that are sent at the same time.
const PARALLEL: usize = 4;
/// The number of commands in a batch. It is the most that the API takes.
const BATCH: usize = 1_000;

/// Batches that several tasks take in turn.
type Batches = Arc<Mutex<std::vec::IntoIter<Vec<Command>>>>;

/// A ledger and a namespace for a measurement.
struct Place {
    ledger: Ledger,
    before: Totals,
    broker: TestBroker,
}

impl Place {
    async fn prepare(workload: &Workload) -> Self {
        let ledger = Ledger::with_batches(TestDatabase::postgres().await, workload.users, 1).await;
        Self {
            before: ledger.totals().await,
            broker: TestBroker::with_shards(LANES).await,
            ledger,
        }
    }

    /// Applies all commands, and checks that each was applied exactly once. `first` is the number
    /// of commands before the measurement.
    async fn settle(self, workload: &Workload, first: usize) {
        let lanes = Lanes::start(&self.ledger, &self.broker, 1_000).await;
        lanes.until_settled(workload.commands() + first).await;
        lanes.stop(&self.broker).await;
        let Self { ledger, before, .. } = self;
        ledger.check_with(before, workload, first).await;
    }
}

/// Commands per second through `POST /v1/commands/batch`.
pub async fn over_http(workload: &Workload) -> f64 {
    let place = Place::prepare(workload).await;
    let server = Server::start(&place.broker, &place.ledger).await;
    let mut clients = Vec::with_capacity(PARALLEL);
    for n in 0..PARALLEL {
        let mut client = HttpClient::connect(&server).await;
        // The first request does not count: it reads the token from the database.
        client.publish(&[first(n)]).await;
        clients.push(client);
    }
    let batches = batches(workload);
    let started = Instant::now();
    let senders = clients.into_iter().map(|mut client| {
        let batches = batches.clone();
        async move {
            while let Some(batch) = next(&batches) {
                client.publish(&batch).await;
            }
        }
    });
    run(senders).await;
    let rate = rate(workload.messages, started.elapsed());
    server.stop().await;
    place.settle(workload, PARALLEL).await;
    rate
}

/// Commands per second through the producer of the SDK, in batches of the same size.
pub async fn over_sdk(workload: &Workload) -> f64 {
    let place = Place::prepare(workload).await;
    let options = Options {
        namespace: place.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let producer = Producer::connect(place.broker.url(), options).await;
    let producer = producer.expect("a producer");
    for n in 0..PARALLEL {
        producer.publish(&first(n)).await.expect("a confirm");
    }
    let batches = batches(workload);
    let started = Instant::now();
    let senders = (0..PARALLEL).map(|_| {
        let (batches, producer) = (batches.clone(), producer.clone());
        async move {
            while let Some(batch) = next(&batches) {
                let handles = producer.enqueue_all(&batch).await.expect("enqueued");
                try_join_all(handles).await.expect("confirms");
            }
        }
    });
    run(senders).await;
    let rate = rate(workload.messages, started.elapsed());
    producer.close().await.expect("closed");
    place.settle(workload, PARALLEL).await;
    rate
}

/// A command before the measurement.
fn first(n: usize) -> Command {
    Command::consume(format!("first-{n}"), large::user(0), "google:fast")
}

/// The commands of a workload in batches. They exist before the measurement begins.
fn batches(workload: &Workload) -> Batches {
    let commands: Vec<Command> = workload.only_commands().collect();
    let batches: Vec<Vec<Command>> = commands.chunks(BATCH).map(<[_]>::to_vec).collect();
    Arc::new(Mutex::new(batches.into_iter()))
}

fn next(batches: &Batches) -> Option<Vec<Command>> {
    batches
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .next()
}

/// Runs each sender in a task of its own, as a service does.
async fn run(senders: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let tasks: Vec<_> = senders.map(tokio::spawn).collect();
    for ended in join_all(tasks).await {
        ended.expect("an end");
    }
}
