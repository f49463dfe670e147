//! The work of each job: grants, expiry and verification.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Action, Command};
use producer_sdk::contract::Job;
use testkit::ledger::{buy_credits, promote, rules};

use super::{Fixture, subscribers};

/// Conformance: Scheduler and jobs: The `grant` job grants due periods through commands for each
/// user, page by page
/// Conformance: Scheduler and jobs: A job run records `processed`, `successful`, `skipped`,
/// `failed`, `processedBatches`, `processedUsers`, `totalExpiredAmount`
#[tokio::test(flavor = "multi_thread")]
async fn the_grant_job_grants_due_periods_and_a_second_run_grants_nothing() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut fixture = Fixture::new(&subscribers(2500, "pro", now)).await;
    assert_eq!(
        fixture.run(Job::Grant).await.processed,
        0,
        "nothing is due yet"
    );
    fixture.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = fixture.run(Job::Grant).await;
    assert_eq!(
        (counts.processed, counts.successful, counts.failed),
        (2500, 2500, 0)
    );
    assert_eq!(counts.total_granted, 2500 * 200);
    assert_eq!(fixture.run(Job::Grant).await.processed, 0);
    fixture.at(ledger::period::start(now, 4) + TimeDelta::hours(1));
    let caught_up = fixture.run(Job::Grant).await;
    assert_eq!(
        (caught_up.processed, caught_up.skipped),
        (7500, 5000),
        "two months have expired in the meantime"
    );
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_job_counts_periods_that_the_cap_clips() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let subscriptions = subscribers(3, "pro", now);
    let user = |nth: usize| subscriptions[nth].user_id.as_str();
    let cap = rules().max_user_balance;
    // After the first month has expired, the cap has space for 0 credits, for 150, and for all.
    let purchases = [
        buy_credits("p-0", user(0), cap),
        buy_credits("p-1", user(1), cap - 150),
    ];
    let mut fixture = Fixture::new(&[&subscriptions[..], &purchases].concat()).await;
    fixture.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = fixture.run(Job::Grant).await;
    assert_eq!((counts.processed, counts.total_clipped), (3, 200 + 50));
    assert_eq!(counts.total_granted, 150 + 200);
    fixture.end().await;
}

/// Conformance: Amounts, time and spending order: The expiry job waits `max_lateness` after
/// `expires_at` before it takes expired credits
/// Conformance: Scheduler and jobs: The `expire` job takes back expired credits page by page
#[tokio::test(flavor = "multi_thread")]
async fn the_expiry_job_takes_credits_that_no_late_event_can_spend() {
    let commands: Vec<Command> = (0..1500)
        .flat_map(|n| {
            let user = format!("user-{n:04}");
            [
                promote(&format!("a{n}"), &user, 7, Some(1)),
                promote(&format!("b{n}"), &user, 5, Some(2)),
                promote(&format!("c{n}"), &user, 3, None),
            ]
        })
        .collect();
    let mut fixture = Fixture::new(&commands).await;
    let start = fixture.ledger.now;
    fixture.at(start + TimeDelta::hours(47));
    assert_eq!(
        fixture.run(Job::Expire).await.processed_batches,
        0,
        "an event may come a day late"
    );
    fixture.at(start + TimeDelta::hours(73));
    let counts = fixture.run(Job::Expire).await;
    assert_eq!(
        (counts.processed_users, counts.processed_batches),
        (1500, 3000)
    );
    assert_eq!((counts.total_expired_amount, counts.failed), (1500 * 12, 0));
    assert_eq!(fixture.run(Job::Expire).await.processed_batches, 0);
    let left = fixture
        .ledger
        .number("SELECT CAST(sum(balance) AS bigint) FROM credits_balance");
    assert_eq!(left.await, 1500 * 3);
    fixture.end().await;
}

/// Conformance: Scheduler and jobs: One broken subscription does not stop the grants of other
/// subscriptions
#[tokio::test(flavor = "multi_thread")]
async fn one_broken_subscription_does_not_stop_the_others() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut fixture = Fixture::new(&subscribers(300, "pro", now)).await;
    let json = if fixture.ledger.is_optimistic() {
        "json"
    } else {
        "text"
    };
    let event = format!(
        "UPDATE credits_transaction
            SET detail = CAST(replace(CAST(detail AS text), '\"plan\":\"pro\"',
              '\"plan\":\"gone\"') AS {json})
          WHERE user_id = 'pro-00100' AND type = 'subscription'"
    );
    let row = "UPDATE subscription SET plan = 'gone' WHERE user_id = 'pro-00100'";
    for gone in [row, event.as_str()] {
        fixture.ledger.database.execute(gone).await;
    }
    fixture.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = fixture.run(Job::Grant).await;
    assert_eq!(
        (counts.processed, counts.successful, counts.failed),
        (300, 299, 1)
    );
    fixture.end().await;
}

/// Conformance: Invariants and verification: The nightly `verify` run is recorded, and is `FAILED`
/// with a logged error if the book does not balance
#[tokio::test(flavor = "multi_thread")]
async fn a_violated_invariant_fails_the_verify_job() {
    let fixture = Fixture::new(&[promote("g", "ada", 10, None)]).await;
    fixture
        .ledger
        .database
        .execute("UPDATE credits_balance SET balance = 11")
        .await;
    let counts = fixture.run(Job::Verify).await;
    assert_eq!(counts.holds, Some(false));
    assert!(counts.violations >= 1);
    let run = fixture
        .ledger
        .store
        .job_runs(1)
        .await
        .expect("runs")
        .remove(0);
    assert_eq!(run.status, "FAILED");
    fixture
        .ledger
        .database
        .execute("UPDATE credits_balance SET balance = 10")
        .await;
    fixture.end().await;
}

/// Conformance: Idempotency: The fingerprint covers the fields as sent and matches test vectors of
/// an independent program
#[test]
fn the_period_is_part_of_the_fingerprint_of_a_grant() {
    let start = Utc::now();
    let one = testkit::ledger::grant_period("u", "s", start);
    let mut other = one.clone();
    if let Action::MonthlyGrant(grant) = &mut other.action {
        grant.period_start += TimeDelta::microseconds(1);
    }
    assert_ne!(one.fingerprint(), other.fingerprint());
}
