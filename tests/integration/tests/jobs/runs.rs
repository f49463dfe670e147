//! Runs of jobs: each is claimed by one worker, and continues after a stop.

use std::{pin::pin, time::Duration};

use chrono::{DateTime, TimeDelta};
use producer_sdk::contract::Job;
use scrip::{
    clock::ClockLimits,
    jobs::{Claim, ClaimError, JobError},
};
use testkit::{db::TestDatabase, ledger::TestLedger};
use tokio_util::sync::CancellationToken;

use super::{Fixture, subscribers};

/// Conformance: Scheduler and jobs: A resumed job run continues at its cursor and keeps counting
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_continues_at_its_cursor_and_adds_to_its_counts() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut fixture = Fixture::new(&subscribers(3000, "pro", now)).await;
    fixture.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let run = fixture.ours(Job::Grant, false).await;
    let stop = fixture.runner.stop.clone();
    let stopped = fixture
        .runner
        .run(Job::Grant, run, move |counts| {
            if counts.processed >= 1000 {
                stop.cancel();
            }
        })
        .await;
    assert!(stopped.is_err(), "the run was stopped");
    let half = fixture
        .ledger
        .store
        .job_runs(1)
        .await
        .expect("runs")
        .remove(0);
    assert_eq!(half.status, "RUNNING");
    assert!(half.cursor.is_some());
    let before = half.result.expect("counts")["processed"]
        .as_u64()
        .expect("a number");
    assert!((1000..3000).contains(&before), "{before}");

    fixture.runner.stop = CancellationToken::new();
    fixture.runner.worker = "another runner".to_owned();
    let resumed = fixture.ours(Job::Grant, false).await;
    assert_eq!(resumed.cursor, half.cursor);
    let counts = fixture
        .runner
        .run(Job::Grant, resumed, |_| {})
        .await
        .expect("an end");
    assert_eq!(counts.processed, 3000);
    assert_eq!(counts.failed, 0);
    let granted = "SELECT count(*) FROM credits_transaction WHERE type = 'monthly_grant'";
    assert_eq!(
        fixture.ledger.number(granted).await,
        6000,
        "each period once"
    );
    fixture.end().await;
}

/// Conformance: Scheduler and jobs: A job run is claimed with a lease, and a worker that lost its
/// lease notices the loss
#[tokio::test(flavor = "multi_thread")]
async fn a_run_belongs_to_one_worker_until_its_lease_expires_and_runs_once_per_date() {
    let mut fixture = Fixture::new(&[]).await;
    let run = fixture.ours(Job::Verify, false).await;
    fixture.runner.worker = "another runner".to_owned();
    assert!(
        matches!(fixture.claim(Job::Verify, true).await, Claim::Taken(_)),
        "the run is active"
    );
    let later = fixture.ledger.now + TimeDelta::seconds(61);
    fixture.at(later);
    let Claim::Ours(taken_over) = fixture.claim(Job::Verify, false).await else {
        panic!("the lease has expired");
    };
    assert_eq!(taken_over.owner, "another runner");
    fixture.runner.worker = "runner".to_owned();
    let lost = fixture.runner.run(Job::Verify, run, |_| {}).await;
    assert!(lost.is_err(), "the first owner notices");
    fixture.runner.worker = "another runner".to_owned();
    let counts = fixture
        .runner
        .run(Job::Verify, taken_over, |_| {})
        .await
        .expect("an end");
    assert_eq!(counts.holds, Some(true));
    assert!(
        matches!(fixture.claim(Job::Verify, false).await, Claim::Taken(_)),
        "it ran"
    );
    fixture.ours(Job::Verify, true).await;
    fixture.end().await;
}

/// Conformance: Scheduler and jobs: A worker that claims a job run again does not continue under
/// the claim that it lost
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_new_claim_of_a_run_does_not_continue_under_the_lost_claim() {
    let mut fixture = Fixture::new(&[]).await;
    let lost = fixture.ours(Job::Verify, false).await;
    let later = fixture.ledger.now + TimeDelta::seconds(61);
    fixture.at(later);
    let current = fixture.ours(Job::Verify, false).await;
    assert_eq!((&lost.owner, lost.id), (&current.owner, current.id));
    let store = &fixture.ledger.store;
    let nothing = serde_json::json!({});
    for renewed in [
        store.renew_job(&lost, None, &nothing, later).await,
        store.release_job(&lost, None, &nothing, later).await,
        store.finish_job(&lost, true, &nothing, later).await,
    ] {
        assert!(!renewed.expect("an answer"), "the claim is lost");
    }
    let again = fixture.runner.run(Job::Verify, lost, |_| {}).await;
    assert!(matches!(again, Err(JobError::TakenOver)), "{again:?}");
    let finished = fixture.runner.run(Job::Verify, current, |_| {}).await;
    assert_eq!(finished.expect("an end").holds, Some(true));
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_claim_cannot_renew_release_or_finish_a_run() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let (store, date) = (&ledger.store, ledger.now.date_naive());
        let later = ledger.now + TimeDelta::seconds(61);
        let mut ours = Vec::new();
        for now in [ledger.now, later] {
            let claim = store.claim_job("verify", date, ("test", "worker"), now, false);
            match claim.await.expect("a claim") {
                Claim::Ours(run) => ours.push(run),
                Claim::Taken(run) => panic!("taken: {run:?}"),
            }
        }
        let nothing = serde_json::json!({});
        for (run, expected) in [(&ours[0], false), (&ours[1], true)] {
            let answers = [
                store.renew_job(run, None, &nothing, later).await,
                store.release_job(run, None, &nothing, later).await,
                store.finish_job(run, true, &nothing, later).await,
            ];
            for answer in answers {
                assert_eq!(answer.expect("an answer"), expected, "{run:?}");
            }
        }
    }
}

/// Conformance: Scheduler and jobs: A worker that claims a job run again does not continue under
/// the claim that it lost
#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_claims_by_one_worker_exactly_one_succeeds() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let date = ledger.now.date_naive();
        let claim = || {
            ledger
                .store
                .claim_job("verify", date, ("test", "worker"), ledger.now, false)
        };
        let claims = futures_util::future::join_all((0..4).map(|_| claim())).await;
        let ours = claims
            .iter()
            .filter(|claim| matches!(claim, Ok(Claim::Ours(_))));
        assert_eq!(ours.count(), 1, "{claims:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_clock_no_run_is_claimed_and_none_continues() {
    let mut fixture = Fixture::new(&[]).await;
    let limits = ClockLimits {
        warn: Duration::from_mins(1),
        stop: Duration::from_mins(5),
    };
    let clock = fixture.runner.clock.clone();
    fixture.runner.clock = clock.checked(fixture.ledger.store.database().clone(), limits);
    let run = fixture.ours(Job::Expire, false).await;
    let right = fixture.ledger.now;
    for days in [400, -400] {
        fixture.clock_handle.set(right + TimeDelta::days(days));
        let date = right.date_naive();
        let claim = fixture.runner.claim(Job::Verify, date, "test", false).await;
        assert!(matches!(claim, Err(ClaimError::Clock(_))), "{claim:?}");
    }
    let runner = fixture.runner.clone();
    let mut running = pin!(runner.run(Job::Expire, run, |_| {}));
    let ended = tokio::time::timeout(Duration::from_millis(300), &mut running).await;
    assert!(ended.is_err(), "the job waits for the right time");
    fixture.clock_handle.set(right);
    running.await.expect("an end");
    fixture.end().await;
}
