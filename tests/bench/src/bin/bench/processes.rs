//! Several processes of `scrip` on the same queues.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use producer_sdk::{Client, Command, Options};
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker},
};
use tokio::time::interval;

use crate::{
    fixture::Fixture,
    large,
    ledger::Ledger,
    publisher,
    report::rate,
    workload::{Users, Workload},
};

const SHARDS: u32 = 8;
/// The number of users. It is large enough that every shard has some of them.
const CLIENT_USERS: u32 = 100;

fn deployment(broker: &TestBroker, ledger: &Ledger) -> Deployment {
    let mut deployment = Deployment::on_servers(
        broker.url(),
        ledger.database.url(),
        broker.topology().namespace(),
    );
    deployment.set("SCRIP__WORKER__SHARDS", &SHARDS.to_string());
    for job in ["GRANT", "EXPIRE", "VERIFY"] {
        deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
    }
    deployment
}

/// Starts processes at the same time, so that they share the shards.
async fn workers(deployment: &Deployment, workers: usize) -> Vec<Worker> {
    join_all((0..workers).map(|_| deployment.ready_worker())).await
}

/// Drains eight full queues. Returns commands per second. The workers register before the queues
/// are filled, and are suspended in the meantime.
pub async fn drain(workload: &Workload, number: usize) -> f64 {
    let ledger = Ledger::with_batches(TestDatabase::postgres().await, workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(SHARDS).await;
    let deployment = deployment(&broker, &ledger);
    let workers = workers(&deployment, number).await;
    for worker in &workers {
        worker.signal("STOP").await;
    }
    publisher::fill(&broker, workload.messages()).await;
    let expected = before.transactions() + i64::try_from(workload.messages).expect("a number");
    let started = Instant::now();
    for worker in &workers {
        worker.signal("CONT").await;
    }
    // The interval is not too short, because each query is work for the database.
    let mut tick = interval(Duration::from_millis(50));
    while ledger.wallet_transactions().await < expected {
        tick.tick().await;
    }
    let rate = rate(workload.messages, started.elapsed());
    for ended in join_all(workers.into_iter().map(Worker::terminate)).await {
        assert!(ended.success(), "the worker drains");
    }
    ledger.check(before, workload).await;
    rate
}

/// The seconds from the kill of one of two workers until users of all shards get outcomes again.
pub async fn takeover(fixture: &mut Fixture) -> f64 {
    let workload = Workload::consume(fixture, Users::Uniform(CLIENT_USERS), 0);
    let ledger = Ledger::with_batches(TestDatabase::postgres().await, workload.users, 1).await;
    let before = ledger.totals().await;
    let broker = TestBroker::with_shards(SHARDS).await;
    let deployment = deployment(&broker, &ledger);
    let mut workers = workers(&deployment, 2).await;
    let options = Options {
        namespace: broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(broker.url(), options)
        .await
        .expect("a client");
    let all = async |when: &str| {
        let command =
            |user| Command::consume(format!("{when}-{user}"), large::user(user), "google:fast");
        let commands: Vec<_> = (0..CLIENT_USERS).map(command).collect();
        for outcome in join_all(commands.iter().map(|command| client.send(command))).await {
            outcome.expect("an outcome");
        }
    };
    all("before").await;
    let killed = workers.pop().expect("two workers");
    let started = Instant::now();
    killed.kill().await;
    all("after").await;
    let took = started.elapsed().as_secs_f64();
    for worker in workers {
        assert!(worker.terminate().await.success(), "the worker drains");
    }
    ledger
        .check_with(before, &workload, 2 * CLIENT_USERS as usize)
        .await;
    took
}
