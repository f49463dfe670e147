//! The queue of job requests during an outage of the database, and in the namespace of another
//! ledger.

use std::{sync::Arc, time::Duration};

use lapin::BasicProperties;
use producer_sdk::{
    Client, Options,
    contract::{Job, JobRequest},
};
use scrip::{
    clock::Clock,
    db::StoreOptions,
    jobs::{ANSWER_TIMEOUT, Runner},
    read,
    store::Store,
    transport::amqp::{
        claim_ledger_at, compare_ledger_at,
        jobs::{JobWait, serve},
    },
};
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    ledger::{TestLedger, rules},
    proxy::Proxy,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The number of returns after which the broker dead-letters a message.
const DELIVERY_LIMIT: u32 = 50;
/// Short intervals, so that a worker that returned a request after every attempt would exceed the
/// limit several times.
const WAIT: JobWait = JobWait {
    retry_limit: Duration::from_millis(10),
    requeue_after: Duration::from_millis(30),
};

/// Conformance: Ordering, failures and dead letters: A job request waits as long as the database is
/// unavailable
#[tokio::test(flavor = "multi_thread")]
async fn a_job_request_waits_for_any_duration_of_a_database_outage() {
    let broker = TestBroker::start().await;
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let relay = Proxy::before(Proxy::target(ledger.database.url())).await;
    let url = relay.instead_of(ledger.database.url());
    let store = Store::connect(&url, &StoreOptions::default()).await;
    let store = store.expect("a store");
    let server = Server::start(&broker, store, None).await;
    // The first request shows that the queue is served.
    publish(&broker, Job::Expire).await;
    finished(&ledger, 1).await;
    relay.close();
    publish(&broker, Job::Verify).await;
    // Long enough for three times the number of attempts that the limit allows.
    sleep((WAIT.retry_limit + WAIT.requeue_after) * DELIVERY_LIMIT * 3).await;
    assert_eq!(broker.ready_in(&broker.topology().dead()).await, 0);
    relay.open();
    finished(&ledger, 2).await;
    broker.wait_for_ready(&broker.topology().jobs(), 0).await;
    server.end().await;
    assert_eq!(broker.ready_in(&broker.topology().dead()).await, 0);
    assert_eq!(broker.ready_in(&broker.topology().jobs()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_requests_of_another_ledger_are_left_to_its_workers() {
    let broker = TestBroker::start().await;
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    let (url, topology) = (broker.url(), broker.topology());
    compare_ledger_at(url, topology, Uuid::now_v7())
        .await
        .expect("it belongs to another ledger");
    let id = read::ledger_id(&ledger.store).await.expect("an id");
    let server = Server::start(&broker, ledger.store.clone(), Some(id)).await;
    publish(&broker, Job::Verify).await;
    // Long enough for many attempts.
    sleep(WAIT.retry_limit * 50).await;
    assert_eq!(broker.ready_in(&topology.jobs()).await, 1);
    let runs = ledger.store.job_runs(10).await.expect("runs");
    assert!(runs.is_empty(), "{runs:?}");
    claim_ledger_at(url, topology, id).await.expect("claimed");
    finished(&ledger, 1).await;
    server.end().await;
}

/// The part of a worker that serves job requests.
struct Server {
    stop: CancellationToken,
    serving: JoinHandle<()>,
    client: Arc<Client>,
}

impl Server {
    async fn start(broker: &TestBroker, store: Store, ledger_id: Option<Uuid>) -> Self {
        let named = Options {
            namespace: broker.topology().namespace().to_owned(),
            ..Options::default()
        };
        let client = Client::connect(broker.url(), named)
            .await
            .expect("a client");
        let (client, stop) = (Arc::new(client), CancellationToken::new());
        let runner = Runner {
            database: store.database().clone(),
            rules: Arc::new(rules()),
            client: client.clone(),
            clock: Clock::system(),
            worker: "w".to_owned(),
            answer_timeout: ANSWER_TIMEOUT,
            stop: stop.clone(),
        };
        let (url, topology) = (broker.url().to_owned(), broker.topology().clone());
        Self {
            stop,
            serving: tokio::spawn(serve(
                url,
                topology,
                ledger_id,
                runner,
                WAIT,
                Arc::default(),
            )),
            client,
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.expect("no panic");
        self.client.close().await.expect("closed");
    }
}

async fn publish(broker: &TestBroker, job: Job) {
    let request = JobRequest {
        job,
        date: "2026-01-02".to_owned(),
        started_by: "test".to_owned(),
    };
    let (queue, body) = (broker.topology().jobs(), request.to_json());
    broker
        .publish("", &queue, &body, BasicProperties::default())
        .await;
}

/// Waits until `runs` runs have ended. There is no event for this.
async fn finished(ledger: &TestLedger, runs: usize) {
    let began = Instant::now();
    loop {
        let runs_now = ledger.store.job_runs(10).await.expect("runs");
        let ended = runs_now.iter().filter(|run| run.status == "COMPLETED");
        if ended.count() == runs {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{runs_now:?}");
        sleep(Duration::from_millis(10)).await;
    }
}
