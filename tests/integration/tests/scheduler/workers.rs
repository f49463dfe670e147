//! Several workers, and a scheduler that runs on its own.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use producer_sdk::contract::{Job, JobRequest};
use scrip::{
    cache::Redis,
    jobs::{Claim, scheduler::JobQueue},
};
use strum::VariantArray;
use tokio::{sync::mpsc, time::timeout};

use super::{NOTHING, TIMEOUT, Worker, all_of, at, empty, namespace, redis};

/// Conformance: Scheduler and jobs: With Redis, only one worker enqueues each job run
#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_with_the_same_redis_one_sends_the_requests() {
    let ledger = empty().await;
    let namespace = namespace();
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(redis(&namespace).await);
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(redis(&namespace).await);
    for date in ["2028-02-28", "2028-02-29", "2028-03-01"] {
        let now = at(&format!("{date}T06:00:00Z"));
        let (by_one, by_two) = tokio::join!(one.look_at(now), two.look_at(now));
        let requested = by_one.iter().chain(&by_two);
        let mut requested: Vec<String> = requested.map(JobRequest::reference_id).collect();
        requested.sort_unstable();
        let mut expected = all_of(date);
        expected.sort_unstable();
        assert_eq!(requested, expected, "{by_one:?} {by_two:?}");
        let again = (one.look_at(now).await, two.look_at(now).await);
        assert!(again.0.is_empty() && again.1.is_empty(), "{again:?}");
        one.run_all(date).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_namespace_has_no_effect() {
    let ledger = empty().await;
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(redis(&namespace()).await);
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(redis(&namespace()).await);
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(one.look(now).await, all_of("2028-02-29"));
    assert_eq!(two.look(now).await, all_of("2028-02-29"));
}

/// Conformance: Scheduler and jobs: With Redis, only one worker enqueues each job run
#[tokio::test(flavor = "multi_thread")]
async fn without_redis_both_workers_send_requests_and_one_gets_the_claim() {
    let ledger = empty().await;
    let namespace = namespace();
    let unreachable_redis = || Redis::new("redis://127.0.0.1:1", &namespace).expect("a URL");
    let mut one = Worker::new("one", &ledger)
        .await
        .with_redis(unreachable_redis());
    let mut two = Worker::new("two", &ledger)
        .await
        .with_redis(unreachable_redis());
    let (date, now) = ("2028-02-29", "2028-02-29T06:00:00Z");
    let requested = tokio::join!(one.look(now), two.look(now));
    assert_eq!(requested.0, all_of(date));
    assert_eq!(requested.1, all_of(date));
    for &job in Job::VARIANTS {
        let claims: [Claim; 2] = tokio::join!(one.claim(job, date), two.claim(job, date)).into();
        let ours = claims
            .iter()
            .filter(|claim| matches!(claim, Claim::Ours(_)));
        assert_eq!(ours.count(), 1, "{claims:?}");
    }
    assert_eq!(one.look(now).await, NOTHING);
    assert_eq!(two.look(now).await, NOTHING);
    let runs = ledger.store.job_runs(100).await.expect("runs");
    assert_eq!(runs.len(), 3, "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_does_not_block_and_the_rest_is_requested_later() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let (sender, requests) = mpsc::channel(1);
    worker.scheduler.queue = JobQueue::Local(sender);
    worker.requests = requests;
    let now = "2028-02-29T06:00:00Z";
    for (job, reference) in Job::VARIANTS.iter().copied().zip(all_of("2028-02-29")) {
        assert_eq!(worker.look(now).await, [reference]);
        worker.run(job, "2028-02-29").await;
    }
    assert_eq!(worker.look(now).await, NOTHING);
}

/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_checks_at_its_start_and_ends_when_it_is_stopped() {
    let ledger = empty().await;
    let worker = Worker::new("one", &ledger).await;
    let stop = worker.scheduler.stop.clone();
    let mut requests = worker.requests;
    let running = tokio::spawn(worker.scheduler.run());
    for &job in Job::VARIANTS {
        let request = timeout(TIMEOUT, requests.recv()).await.expect("in time");
        assert_eq!(request.expect("a request").job, job);
    }
    stop.cancel();
    let ended = timeout(TIMEOUT, running).await.expect("in time");
    ended.expect("a clean end");
}

/// Conformance: Scheduler and jobs: Each date of a job becomes due once, from the scheduled time on
/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn in_a_leap_year_every_date_has_one_run_of_each_job() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let eve: NaiveDate = "2027-12-31".parse().expect("a date");
    let dates: Vec<String> = eve
        .iter_days()
        .take(367)
        .map(|date| date.to_string())
        .collect();
    assert_eq!(dates.last().map(String::as_str), Some("2028-12-31"));
    worker.clock_handle.set(at("2027-12-31T23:00:00Z"));
    worker.run_all(&dates[0]).await;

    let mut requested: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut now = at("2028-01-01T00:00:00Z");
    while now <= at("2029-01-01T00:00:00Z") {
        for request in worker.look_at(now).await {
            let job = request.job;
            worker.run(job, &request.date).await;
            requested
                .entry(job.as_str())
                .or_default()
                .push(request.date);
        }
        now += TimeDelta::hours(1);
    }
    let runs = ledger.store.job_runs(10_000).await.expect("runs");
    assert_eq!(runs.len(), 3 * dates.len());
    assert!(runs.iter().all(|run| run.status == "COMPLETED"));
    for &job in Job::VARIANTS {
        assert_eq!(requested[job.as_str()], dates[1..], "in order, each once");
        let of_job = runs.iter().filter(|run| run.name == job.as_str());
        let mut recorded: Vec<String> = of_job.map(|run| run.run_date.clone()).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, dates);
    }
}
