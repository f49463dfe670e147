//! Jobs that wait for the outcomes of their commands.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use ledger::Command;
use producer_sdk::contract::Job;
use scrip::jobs::{Claim, WINDOW};
use testkit::ledger::promote;

use super::{Fixture, embedded, eventually, subscribers};

/// Conformance: Scheduler and jobs: A job counts an unanswered command and leaves it due; without
/// any answer, the job waits
#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_an_outcome_counts_as_failed_and_its_period_stays_due() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut fixture = Fixture::new(&subscribers(30, "pro", now)).await;
    let broken =
        "CREATE TRIGGER broken BEFORE INSERT ON credits_transaction WHEN NEW.user_id = 'pro-00007'
                  BEGIN SELECT RAISE(ABORT, 'broken'); END";
    fixture.ledger.database.execute(broken).await;
    fixture.runner.answer_timeout = Duration::from_millis(500);
    fixture.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = fixture.run(Job::Grant).await;
    assert_eq!(
        (counts.processed, counts.successful, counts.failed),
        (30, 29, 1)
    );
    let due =
        "SELECT count(*) FROM subscription WHERE user_id = 'pro-00007' AND due_at IS NOT NULL";
    assert_eq!(
        fixture.ledger.number(due).await,
        1,
        "the next run handles it again"
    );
    fixture.ledger.database.execute("DROP TRIGGER broken").await;
    let granted = "SELECT count(*) FROM credits_transaction WHERE user_id = 'pro-00007' \
                   AND type = 'monthly_grant'";
    eventually("the delayed command is delivered and granted", async || {
        // The delay ends by the stopped clock, so the test sets it forward.
        let later = fixture.runner.clock.now() + TimeDelta::seconds(11);
        fixture.clock_handle.set(later);
        fixture.ledger.number(granted).await == 2
    })
    .await;
    fixture.end().await;
}

/// Conformance: Scheduler and jobs: A job keeps at most 500 commands unanswered and does not delay
/// live commands
/// Conformance: Scheduler and jobs: A job counts an unanswered command and leaves it due; without
/// any answer, the job waits
#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_bounded_window_waits_for_outcomes_and_delays_no_other_commands() {
    let commands: Vec<Command> = (0..2000)
        .map(|n| promote(&format!("g{n}"), &format!("user-{n:04}"), 7, Some(1)))
        .collect();
    let mut fixture = Fixture::new(&commands).await;
    fixture.at(fixture.ledger.now + TimeDelta::hours(73));
    fixture.runner.answer_timeout = Duration::from_secs(2);
    let Fixture {
        ledger,
        worker,
        runner,
        ..
    } = fixture;
    assert!(worker.drain(Duration::from_secs(10)).await);
    let run = runner
        .claim(Job::Expire, ledger.now.date_naive(), "test", false)
        .await;
    let Claim::Ours(run) = run.expect("a claim") else {
        panic!("there is no other worker")
    };
    let (job, client) = (runner.clone(), runner.client.clone());
    let job = tokio::spawn(async move { job.run(Job::Expire, run, |_| {}).await });
    // No worker runs: the window fills, and after some time each command in it is sent again.
    let waiting = "SELECT count(DISTINCT message_id) FROM queue_message WHERE origin = 'internal'";
    let copies = "SELECT count(*) FROM queue_message WHERE origin = 'internal'";
    eventually("the window is full and was sent again", async || {
        ledger.number(copies).await >= 2 * i64::try_from(WINDOW).expect("small")
    })
    .await;
    assert_eq!(
        ledger.number(waiting).await,
        i64::try_from(WINDOW).expect("small")
    );
    let live = tokio::spawn(async move {
        let command = producer_sdk::Command::promotion("live", "live", 1);
        client.send(&command).await
    });
    eventually("the live command is in the queue", async || {
        ledger
            .number("SELECT count(*) FROM queue_message WHERE message_id = 'live'")
            .await
            == 1
    })
    .await;
    let worker = embedded(&ledger, runner.clock.clone()).await;
    assert!(
        live.await
            .expect("no panic")
            .expect("an outcome")
            .is_completed()
    );
    let counts = job.await.expect("no panic").expect("an end");
    assert_eq!(counts.failed, 0);
    // The commands that were sent twice have two outcomes. The second one says that there were no
    // expired credits left.
    assert_eq!(counts.processed_users, 2000 - WINDOW as u64);
    let expired = "SELECT count(*) FROM credits_transaction WHERE type = 'expiration'";
    assert_eq!(ledger.number(expired).await, 2000);
    let later = "SELECT count(*) FROM credits_transaction WHERE type = 'expiration'
                 AND id > (SELECT id FROM credits_transaction WHERE reference_id = 'live')";
    assert!(
        ledger.number(later).await >= 1000,
        "the command did not wait for the job"
    );
    ledger.verify().await;
    runner.client.close().await.expect("closed");
    assert!(worker.drain(Duration::from_secs(10)).await);
}
