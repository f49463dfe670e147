//! The nightly jobs, run in the same way as a worker runs them.

use std::sync::Arc;

use producer_sdk::contract::Job;
use scrip::{
    clock::Clock,
    jobs::{ANSWER_TIMEOUT, Claim, Counts, Runner},
    store::Store,
};
use simulator::{
    model::{Expired, Granted},
    rulebook::Rulebook,
};
use tokio_util::sync::CancellationToken;

/// A runner of jobs for a ledger whose queue is at `url`.
pub async fn runner(store: Store, url: &str, namespace: &str, clock: Clock) -> Runner {
    let options = producer_sdk::Options {
        namespace: namespace.to_owned(),
        ..producer_sdk::Options::default()
    };
    let client = producer_sdk::Client::connect(url, options);
    Runner {
        database: store.database().clone(),
        rules: Arc::new(Rulebook::on_day(0).rules()),
        client: Arc::new(client.await.expect("a client")),
        clock,
        worker: "nightly".to_owned(),
        answer_timeout: ANSWER_TIMEOUT,
        stop: CancellationToken::new(),
    }
}

async fn run(runner: &Runner, job: Job) -> Counts {
    let date = runner.clock.now().date_naive();
    let claim = runner.claim(job, date, "test", job == Job::Verify).await;
    let Claim::Ours(run) = claim.expect("a claim") else {
        panic!("another worker has claimed {job:?} of {date}");
    };
    let finished = runner.run(job, run, |_| {}).await;
    finished.expect("an end")
}

/// Runs the grant job.
pub async fn grant(runner: &Runner) -> Granted {
    let counts = run(runner, Job::Grant).await;
    Granted {
        granted: counts.successful,
        skipped: counts.skipped,
        failed: counts.failed,
        credits: counts.total_granted,
    }
}

/// Runs the expiry job.
pub async fn expire(runner: &Runner) -> Expired {
    let counts = run(runner, Job::Expire).await;
    assert_eq!(counts.failed, 0, "{counts:?}");
    Expired {
        batches: counts.processed_batches,
        users: counts.processed_users,
        credits: counts.total_expired_amount,
    }
}

/// Runs the verify job. Returns whether every invariant holds.
pub async fn verify(runner: &Runner) -> bool {
    run(runner, Job::Verify).await.holds == Some(true)
}
