//! Jobs: due work is done exactly once by any worker, also after failures.

mod outcomes;
mod runs;
mod work;
mod workers;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Command, SubscriptionStatus::Active};
use producer_sdk::contract::Job;
use scrip::{
    catalog::Catalog,
    clock::{Clock, ClockHandle},
    jobs::{ANSWER_TIMEOUT, Claim, Counts, JobRun, Runner},
    transport::embedded::{Embedded, EmbeddedOptions},
};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, rules, subscribe},
};
use tokio_util::sync::CancellationToken;

/// An embedded worker with a stopped clock, and a runner of jobs.
struct Fixture {
    ledger: TestLedger,
    clock_handle: ClockHandle,
    worker: Embedded,
    runner: Runner,
}

impl Fixture {
    async fn new(prepare: &[Command]) -> Self {
        let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
        for group in prepare.chunks(1000) {
            ledger.settle(group).await;
        }
        let (clock, clock_handle) = Clock::manual(ledger.now);
        let worker = embedded(&ledger, clock.clone()).await;
        let client =
            producer_sdk::Client::connect(ledger.database.url(), producer_sdk::Options::default());
        let runner = Runner {
            database: ledger.store.database().clone(),
            rules: Arc::new(rules()),
            client: Arc::new(client.await.expect("a client")),
            clock,
            worker: "runner".to_owned(),
            answer_timeout: ANSWER_TIMEOUT,
            stop: CancellationToken::new(),
        };
        Self {
            ledger,
            clock_handle,
            worker,
            runner,
        }
    }

    /// Sets the clock.
    fn at(&mut self, now: DateTime<Utc>) {
        self.ledger.now = now;
        self.clock_handle.set(now);
    }

    async fn claim(&self, job: Job, again: bool) -> Claim {
        let date = self.ledger.now.date_naive();
        let claim = self.runner.claim(job, date, "test", again).await;
        claim.expect("a claim")
    }

    async fn ours(&self, job: Job, again: bool) -> JobRun {
        match self.claim(job, again).await {
            Claim::Ours(run) => run,
            Claim::Taken(run) => panic!("taken: {run:?}"),
        }
    }

    async fn run(&self, job: Job) -> Counts {
        let run = self.ours(job, true).await;
        let finished = self.runner.run(job, run, |_| {}).await;
        finished.expect("an end")
    }

    async fn end(self) {
        self.ledger.verify().await;
        self.runner.client.close().await.expect("closed");
        assert!(self.worker.drain(Duration::from_secs(10)).await);
    }
}

/// A worker that serves the queue in the file of a ledger.
async fn embedded(ledger: &TestLedger, clock: Clock) -> Embedded {
    let catalog = Catalog {
        rules: Arc::new(rules()),
        packages: Vec::new(),
        free_users_may_buy: true,
    };
    let options = EmbeddedOptions {
        url: ledger.database.url().to_owned(),
        worker: "worker".to_owned(),
        group_max: 1000,
        clock,
    };
    let worker = Embedded::start(options, ledger.store.clone(), Arc::new(catalog)).await;
    let worker = worker.expect("a worker");
    worker.ready().await;
    worker
}

fn subscribers(count: usize, plan: &str, now: DateTime<Utc>) -> Vec<Command> {
    (0..count)
        .map(|n| {
            let user = format!("{plan}-{n:05}");
            subscribe(&user, &user, &format!("sub-{user}"), plan, Active, now)
        })
        .collect()
}

/// Waits until a condition is true for which there is no event.
async fn eventually(event: &str, mut happened: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("timed out waiting until {event}"));
}

/// An instant in whole microseconds, like the instants in the ledger.
fn days_ago(days: i64) -> DateTime<Utc> {
    let micros = (Utc::now() - TimeDelta::days(days)).timestamp_micros();
    DateTime::from_timestamp_micros(micros).expect("an instant")
}
