//! The dates for which a job is requested.

use chrono::TimeDelta;
use producer_sdk::contract::{Job, JobRequest};
use scrip::config::Schedule;
use serde_json::json;

use super::{NOTHING, Worker, all_of, at, empty};

/// Conformance: Scheduler and jobs: The scheduler requests each date once, when it is due and not
/// before, throughout a leap year
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_requested_at_its_time_and_not_before() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-28").await;
    for (before, then, job) in [
        (
            "2028-02-29T00:59:59.999999Z",
            "2028-02-29T01:00:00Z",
            Job::Grant,
        ),
        (
            "2028-02-29T03:59:59.999999Z",
            "2028-02-29T04:00:00Z",
            Job::Expire,
        ),
        (
            "2028-02-29T04:59:59.999999Z",
            "2028-02-29T05:00:00Z",
            Job::Verify,
        ),
    ] {
        assert_eq!(worker.look(before).await, NOTHING, "{before}");
        let expected = JobRequest {
            job,
            date: "2028-02-29".to_owned(),
            started_by: "scheduler of one".to_owned(),
        };
        assert_eq!(worker.look_at(at(then)).await, [expected], "{then}");
        worker.run(job, "2028-02-29").await;
    }
    assert_eq!(worker.look("2028-02-29T23:59:59Z").await, NOTHING);
    assert_eq!(worker.look("2028-03-01T00:59:59Z").await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T01:00:00Z").await,
        ["job:grant:2028-03-01"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclaimed_run_is_requested_again() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.claimed(Job::Expire, "2028-02-29").await;
    assert_eq!(
        worker.look(now).await,
        ["job:grant:2028-02-29", "job:verify:2028-02-29"],
        "one job is running"
    );
}

/// Conformance: Scheduler and jobs: The time of each job is configurable, and each job can be
/// turned off
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_off_is_never_requested() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let classic = worker.scheduler.schedule;
    let off = Schedule {
        grant: None,
        expire: None,
        verify: None,
    };
    worker.scheduler.schedule = off;
    let start = at("2028-02-28T00:00:00Z");
    for hour in 0..72 {
        let requested = worker.look_at(start + TimeDelta::hours(hour)).await;
        assert!(requested.is_empty(), "{requested:?}");
    }
    worker.scheduler.schedule = Schedule {
        verify: classic.verify,
        ..off
    };
    for hour in 0..72 {
        for request in worker.look_at(start + TimeDelta::hours(hour)).await {
            assert_eq!(request.job, Job::Verify, "the others are still off");
            worker.run(request.job, &request.date).await;
        }
    }
    let runs = ledger.store.job_runs(100).await.expect("runs");
    let dates: Vec<&str> = runs.iter().map(|run| run.run_date.as_str()).collect();
    assert_eq!(
        dates,
        ["2028-03-01", "2028-02-29", "2028-02-28", "2028-02-27"]
    );
}

/// Conformance: Scheduler and jobs: One job run catches up with everything missed during downtime
#[tokio::test(flavor = "multi_thread")]
async fn ten_days_of_downtime_bring_one_request_for_the_newest_date() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2028-02-20").await;
    let back = "2028-03-01T00:30:00Z";
    assert_eq!(
        worker.look(back).await,
        all_of("2028-02-29"),
        "today's run is not due yet"
    );
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(back).await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T06:00:00Z").await,
        all_of("2028-03-01")
    );
}

/// Conformance: Scheduler and jobs: An abandoned job run is resumed automatically
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_run_is_requested_again() {
    let ledger = empty().await;
    let date = "2028-02-29";
    let grant = ["job:grant:2028-02-29"];
    let mut worker = Worker::new("one", &ledger).await.granting();
    let other = Worker::new("two", &ledger).await;
    assert_eq!(worker.look("2028-02-29T01:00:00Z").await, grant);
    let left = worker.claimed(Job::Grant, date).await;
    assert_eq!(
        worker.look("2028-02-29T01:00:59Z").await,
        NOTHING,
        "the owner may be alive"
    );
    assert_eq!(
        worker.look("2028-02-29T01:01:00Z").await,
        grant,
        "the owner's lease has expired"
    );

    other.clock_handle.set(at("2028-02-29T01:01:00Z"));
    let taken_over = other.claimed(Job::Grant, date).await;
    assert_eq!((taken_over.id, taken_over.owner.as_str()), (left.id, "two"));
    let (store, counts) = (&other.scheduler.database, json!({}));
    let renewed = store.renew_job(&taken_over, None, &counts, at("2028-02-29T01:01:50Z"));
    assert!(renewed.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        NOTHING,
        "the other worker is alive"
    );
    let released = store.release_job(&taken_over, None, &counts, at("2028-02-29T01:02:30Z"));
    assert!(released.await.expect("the database answers"));
    assert_eq!(
        worker.look("2028-02-29T01:02:30Z").await,
        grant,
        "the other worker was stopped"
    );
    assert_eq!(
        worker.look("2028-03-01T01:00:00Z").await,
        ["job:grant:2028-03-01", "job:grant:2028-02-29"],
        "the next run is due and the old one is not finished"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_run_is_not_requested_again_after_any_result() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    for (job, completed) in [
        (Job::Grant, true),
        (Job::Expire, true),
        (Job::Verify, false),
    ] {
        let run = worker.claimed(job, "2028-02-29").await;
        worker.finish(&run, completed).await;
    }
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(worker.look("2028-02-29T23:59:59Z").await, NOTHING);
}

/// Conformance: Scheduler and jobs: One job run catches up with everything missed during downtime
#[tokio::test(flavor = "multi_thread")]
async fn a_run_for_a_future_date_does_not_prevent_the_request_of_today() {
    let ledger = empty().await;
    let mut worker = Worker::new("one", &ledger).await;
    worker.run_all("2099-01-01").await;
    let now = "2028-02-29T06:00:00Z";
    assert_eq!(worker.look(now).await, all_of("2028-02-29"));
    worker.run_all("2028-02-29").await;
    assert_eq!(worker.look(now).await, NOTHING);
    assert_eq!(
        worker.look("2028-03-01T06:00:00Z").await,
        all_of("2028-03-01")
    );
    assert_eq!(
        worker.look("2099-01-01T06:00:00Z").await,
        NOTHING,
        "the future run is done"
    );
}
