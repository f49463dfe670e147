//! Jobs: due work is done exactly once by any worker, also after failures.

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Action, Command, SubscriptionStatus::Active};
use producer_sdk::contract::Job;
use scrip::{
    cache::Redis,
    catalog::Catalog,
    clock::{Clock, ClockHandle, ClockLimits},
    jobs::{ClaimError, Counts, JobError, PATIENCE, Runner, WINDOW},
    store::{Claim, JobRun},
    transport::embedded::{Embedded, EmbeddedOptions},
};
use serde_json::Value;
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, promote, rules, subscribe},
    process::Deployment,
    servers::Server,
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
            store: ledger.store.clone(),
            rules: Arc::new(rules()),
            client: Arc::new(client.await.expect("a client")),
            clock,
            worker: "runner".to_owned(),
            patience: PATIENCE,
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
        finished.expect("an end").counts
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
        .expect("an end")
        .counts;
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
        .expect("an end")
        .counts;
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
    assert_eq!(finished.expect("an end").counts.holds, Some(true));
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
    fixture.runner.clock = clock.checked(fixture.ledger.store.clone(), limits);
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
    fixture.runner.patience = Duration::from_millis(500);
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
    fixture.runner.patience = Duration::from_secs(2);
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
    let counts = job.await.expect("no panic").expect("an end").counts;
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

/// Conformance: Invariants and verification: The nightly `verify` run is recorded, and is `FAILED`
/// with a logged error if the book does not balance
#[tokio::test(flavor = "multi_thread")]
async fn a_violated_invariant_is_logged_by_the_worker() {
    let broker = TestBroker::start().await;
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.one(promote("g", "ada", 10, None)).await;
    ledger
        .database
        .execute("UPDATE credits_balance SET balance = 11")
        .await;
    let namespace = broker.topology().namespace().to_owned();
    let deployment =
        Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
    let worker = deployment.ready_worker().await;
    worker.wait_for("the book does not balance").await;
    let log = worker.log();
    for text in [
        "ERROR",
        "alarm=true",
        "wallet.balance_is_sum_of_active_batches",
        "ada",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
    assert!(worker.terminate().await.success());
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

/// Starts two workers on one broker and one database, and checks that all work that is due is done
/// exactly once.
async fn two_workers(mut redis: Option<&mut Server>, kill_redis: bool) {
    let broker = TestBroker::start().await;
    let mut ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.now = days_ago(40);
    let mut commands = subscribers(3000, "pro", ledger.now);
    commands.extend((0..1000).map(|n| promote(&format!("g{n}"), &format!("gift-{n}"), 9, Some(1))));
    for group in commands.chunks(1000) {
        ledger.settle(group).await;
    }
    let namespace = broker.topology().namespace().to_owned();
    let mut deployment =
        Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
    if let Some(redis) = &redis {
        deployment.set("REDIS_URL", redis.url());
    }
    let workers = [deployment.worker(), deployment.worker()];
    for worker in &workers {
        worker.wait_for("ready").await;
    }
    if let (Some(redis), true) = (redis.as_mut(), kill_redis) {
        eventually("a job runs", async || {
            !ledger.store.job_runs(1).await.expect("runs").is_empty()
        })
        .await;
        redis.kill_and_start().await;
    }
    let runs = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            let runs = ledger.store.job_runs(10).await.expect("runs");
            if runs.len() >= 3 && runs.iter().all(|run| run.status != "RUNNING") {
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let runs = runs.await.expect("all jobs end");
    assert_eq!(runs.len(), 3, "{runs:?}");
    let result = |name: &str| -> Value {
        let run = runs.iter().find(|run| run.name == name).expect("a run");
        assert_eq!(run.status, "COMPLETED");
        run.result.clone().expect("a result")
    };
    assert_eq!(result("grant")["successful"], 3000);
    assert_eq!(result("grant").get("failed"), None);
    // The batches of the promotions, and of the first month of each subscription.
    let expire = result("expire");
    assert_eq!(expire["processedBatches"], 4000, "{expire}");
    assert_eq!(
        result("expire")["totalExpiredAmount"],
        3000 * 200 + 1000 * 9
    );
    assert_eq!(result("verify")["holds"], true);
    if let (Some(redis), false) = (redis, kill_redis) {
        let redis = Redis::new(redis.url(), &namespace).expect("a URL");
        let lock = redis.lock(&runs[0].reference_id, "test", Duration::from_secs(1));
        assert_eq!(lock.await, Some(false), "a worker has taken the lock");
    }
    for worker in workers {
        assert!(worker.terminate().await.success());
    }
    let granted = "SELECT count(*) FROM credits_transaction WHERE type = 'monthly_grant'";
    assert_eq!(ledger.number(granted).await, 6000);
    ledger.verify().await;
}

/// Conformance: Scheduler and jobs: One job run catches up with everything missed during downtime
/// Conformance: Scheduler and jobs: Without Redis, each job runs once
/// Conformance: Scheduler and jobs: A job run records `processed`, `successful`, `skipped`,
/// `failed`, `processedBatches`, `processedUsers`, `totalExpiredAmount`
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_without_redis_run_each_job_once() {
    two_workers(None, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_redis_run_each_job_once() {
    two_workers(Some(&mut Server::start("redis").await), false).await;
}

/// Conformance: Scheduler and jobs: If Redis is killed, each job still runs once
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_whose_redis_is_killed_run_each_job_once() {
    two_workers(Some(&mut Server::start("redis").await), true).await;
}

/// Conformance: Scheduler and jobs: After a crash during a `grant` run, each period is granted
/// exactly once
#[tokio::test(flavor = "multi_thread")]
async fn after_a_worker_is_killed_during_a_grant_each_period_is_granted_once() {
    let broker = TestBroker::start().await;
    let mut ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.now = days_ago(40);
    for group in subscribers(20_000, "pro", ledger.now).chunks(1000) {
        ledger.settle(group).await;
    }
    let namespace = broker.topology().namespace().to_owned();
    let mut deployment =
        Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
    deployment.set("SCRIP__SCHEDULE__EXPIRE", "off");
    deployment.set("SCRIP__SCHEDULE__VERIFY", "off");
    let granted = "SELECT count(*) FROM credits_transaction WHERE type = 'monthly_grant'";
    let first = deployment.ready_worker().await;
    let some = async {
        while ledger.number(granted).await < 20_500 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), some)
        .await
        .expect("it grants");
    first.kill().await;
    assert!(
        ledger.number(granted).await < 40_000,
        "the worker was in the middle of the grant"
    );
    // No worker renews the lease. The test sets it to expired instead of waiting.
    ledger
        .database
        .execute("UPDATE job_run SET lease_until = started_at WHERE status = 'RUNNING'")
        .await;
    let second = deployment.ready_worker().await;
    let done = async {
        while ledger.store.job_runs(1).await.expect("runs")[0].status == "RUNNING" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), done)
        .await
        .expect("it ends");
    assert_eq!(ledger.number(granted).await, 40_000);
    assert!(second.terminate().await.success());
    ledger.verify().await;
}

/// Conformance: Scheduler and jobs: `scrip job run [--date]` runs a job, and `scrip job list` shows
/// last and next runs
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_runs_a_job_once_per_date_and_lists_it() {
    let deployment = Deployment::embedded();
    let worker = deployment.ready_worker().await;
    deployment
        .succeed(&[
            "publish",
            "grant",
            "--user",
            "ada",
            "--reason",
            "registration_bonus",
            "--wait",
        ])
        .await;
    let date = "2026-01-02";
    let output = deployment
        .succeed(&["job", "run", "grant", "--date", date])
        .await;
    assert!(
        output.starts_with("grant of 2026-01-02: 0 periods"),
        "{output}"
    );
    let twice = deployment
        .run(&["job", "run", "grant", "--date", date])
        .await;
    assert_eq!(twice.status.code(), Some(1));
    let error = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(
        error.contains("grant of 2026-01-02 already ran at") && error.contains("--again"),
        "{error}"
    );
    deployment
        .succeed(&["job", "run", "grant", "--date", date, "--again"])
        .await;
    let list = deployment
        .succeed(&["job", "list", "--limit", "1000"])
        .await;
    assert!(list.contains(date) && list.contains("next grant"), "{list}");
    let json: Value =
        serde_json::from_str(&deployment.succeed(&["--json", "job", "list"]).await).expect("JSON");
    assert_eq!(json["next"].as_array().expect("an array").len(), 3);
    assert!(worker.terminate().await.success());
}

/// Conformance: Idempotency: The fingerprint covers the fields as sent and matches test vectors of
/// an independent program
#[test]
fn the_period_is_part_of_the_fingerprint_of_a_grant() {
    let start = Utc::now();
    let one = testkit::ledger::grant_period("u", "s", start);
    let mut other = one.clone();
    if let Action::MonthlyGrant { period_start, .. } = &mut other.action {
        *period_start += TimeDelta::microseconds(1);
    }
    assert_ne!(one.fingerprint(), other.fingerprint());
}
