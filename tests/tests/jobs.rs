//! Jobs: what is due is done once, whoever runs them and whatever happens to him.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{pin::pin, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{Action, Command, SubscriptionStatus::Active};
use producer_sdk::contract::Job;
use scrip::{
    cache::Redis,
    catalog::Catalog,
    clock::{Clock, ClockLimits, Hand},
    embedded::{Embedded, EmbeddedOptions},
    jobs::{ClaimError, Counts, JobError, PATIENCE, Runner, WINDOW},
    store::{Claim, JobRun},
};
use serde_json::Value;
use tests::{
    broker::TestBroker,
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, promote, rules, subscribe},
    process::Deployment,
    servers::Server,
};
use tokio_util::sync::CancellationToken;

/// An embedded worker with a clock that stands still, and a runner of jobs.
struct Stage {
    ledger: TestLedger,
    hand: Hand,
    worker: Embedded,
    runner: Runner,
}

impl Stage {
    async fn new(prepare: &[Command]) -> Self {
        let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
        for group in prepare.chunks(1000) {
            ledger.settle(group).await;
        }
        let (clock, hand) = Clock::manual(ledger.now);
        let worker = embedded(&ledger, clock.clone()).await;
        let client = producer_sdk::Client::connect(ledger.database.url(), producer_sdk::Options::default());
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
            hand,
            worker,
            runner,
        }
    }

    /// Sets the clock.
    fn at(&mut self, now: DateTime<Utc>) {
        self.ledger.now = now;
        self.hand.set(now);
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

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_job_grants_what_is_due_and_nothing_when_it_runs_again() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut stage = Stage::new(&subscribers(2500, "pro", now)).await;
    assert_eq!(stage.run(Job::Grant).await.processed, 0, "nothing is due yet");
    stage.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = stage.run(Job::Grant).await;
    assert_eq!(
        (counts.processed, counts.successful, counts.failed),
        (2500, 2500, 0)
    );
    assert_eq!(counts.total_granted, 2500 * 200);
    assert_eq!(stage.run(Job::Grant).await.processed, 0);
    stage.at(ledger::period::start(now, 4) + TimeDelta::hours(1));
    let caught_up = stage.run(Job::Grant).await;
    assert_eq!(
        (caught_up.processed, caught_up.skipped),
        (7500, 5000),
        "two months lapsed meanwhile"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_job_counts_what_did_not_fit_under_the_cap() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let subscriptions = subscribers(3, "pro", now);
    let user = |nth: usize| subscriptions[nth].user_id.as_str();
    let cap = rules().max_user_balance;
    // When the first month has lapsed there is no room, room for 150, and room for all.
    let purchases = [
        buy_credits("p-0", user(0), cap),
        buy_credits("p-1", user(1), cap - 150),
    ];
    let mut stage = Stage::new(&[&subscriptions[..], &purchases].concat()).await;
    stage.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = stage.run(Job::Grant).await;
    assert_eq!((counts.processed, counts.total_clipped), (3, 200 + 50));
    assert_eq!(counts.total_granted, 150 + 200);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expire_job_sweeps_what_lapsed_before_the_latest_event_that_may_come() {
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
    let mut stage = Stage::new(&commands).await;
    let start = stage.ledger.now;
    stage.at(start + TimeDelta::hours(47));
    assert_eq!(
        stage.run(Job::Expire).await.processed_batches,
        0,
        "an event may come a day late"
    );
    stage.at(start + TimeDelta::hours(73));
    let counts = stage.run(Job::Expire).await;
    assert_eq!((counts.processed_users, counts.processed_batches), (1500, 3000));
    assert_eq!((counts.total_expired_amount, counts.failed), (1500 * 12, 0));
    assert_eq!(stage.run(Job::Expire).await.processed_batches, 0);
    let left = stage
        .ledger
        .number("SELECT CAST(sum(balance) AS bigint) FROM credits_balance");
    assert_eq!(left.await, 1500 * 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_subscription_does_not_stop_the_others() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut stage = Stage::new(&subscribers(300, "pro", now)).await;
    let json = if stage.ledger.is_quick() { "json" } else { "text" };
    let event = format!(
        "UPDATE credits_transaction
            SET detail = CAST(replace(CAST(detail AS text), '\"plan\":\"pro\"', '\"plan\":\"gone\"') AS {json})
          WHERE user_id = 'pro-00100' AND type = 'subscription'"
    );
    let row = "UPDATE subscription SET plan = 'gone' WHERE user_id = 'pro-00100'";
    for gone in [row, event.as_str()] {
        stage.ledger.database.execute(gone).await;
    }
    stage.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = stage.run(Job::Grant).await;
    assert_eq!(
        (counts.processed, counts.successful, counts.failed),
        (300, 299, 1)
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_stopped_goes_on_at_its_cursor_and_counts_on() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut stage = Stage::new(&subscribers(3000, "pro", now)).await;
    stage.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let run = stage.ours(Job::Grant, false).await;
    let stop = stage.runner.stop.clone();
    let stopped = stage
        .runner
        .run(Job::Grant, run, move |counts| {
            if counts.processed >= 1000 {
                stop.cancel();
            }
        })
        .await;
    assert!(stopped.is_err(), "it was stopped");
    let half = stage.ledger.store.job_runs(1).await.expect("runs").remove(0);
    assert_eq!(half.status, "RUNNING");
    assert!(half.cursor.is_some());
    let before = half.result.expect("counts")["processed"]
        .as_u64()
        .expect("a number");
    assert!((1000..3000).contains(&before), "{before}");

    stage.runner.stop = CancellationToken::new();
    stage.runner.worker = "another runner".to_owned();
    let resumed = stage.ours(Job::Grant, false).await;
    assert_eq!(resumed.cursor, half.cursor);
    let counts = stage
        .runner
        .run(Job::Grant, resumed, |_| {})
        .await
        .expect("an end")
        .counts;
    assert_eq!(counts.processed, 3000);
    assert_eq!(counts.failed, 0);
    let granted = "SELECT count(*) FROM credits_transaction WHERE type = 'monthly_grant'";
    assert_eq!(stage.ledger.number(granted).await, 6000, "each period once");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_one_workers_until_his_lease_is_over_and_runs_once_for_a_date() {
    let mut stage = Stage::new(&[]).await;
    let run = stage.ours(Job::Verify, false).await;
    stage.runner.worker = "another runner".to_owned();
    assert!(
        matches!(stage.claim(Job::Verify, true).await, Claim::Taken(_)),
        "it is being run"
    );
    let later = stage.ledger.now + TimeDelta::seconds(61);
    stage.at(later);
    let Claim::Ours(taken_over) = stage.claim(Job::Verify, false).await else {
        panic!("its lease is over");
    };
    assert_eq!(taken_over.owner, "another runner");
    stage.runner.worker = "runner".to_owned();
    let lost = stage.runner.run(Job::Verify, run, |_| {}).await;
    assert!(lost.is_err(), "the first owner notices");
    stage.runner.worker = "another runner".to_owned();
    let counts = stage
        .runner
        .run(Job::Verify, taken_over, |_| {})
        .await
        .expect("an end")
        .counts;
    assert_eq!(counts.holds, Some(true));
    assert!(
        matches!(stage.claim(Job::Verify, false).await, Claim::Taken(_)),
        "it ran"
    );
    stage.ours(Job::Verify, true).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_claims_a_run_anew_does_not_go_on_under_the_claim_that_it_lost() {
    let mut stage = Stage::new(&[]).await;
    let lost = stage.ours(Job::Verify, false).await;
    let later = stage.ledger.now + TimeDelta::seconds(61);
    stage.at(later);
    let kept = stage.ours(Job::Verify, false).await;
    assert_eq!((&lost.owner, lost.id), (&kept.owner, kept.id));
    let store = &stage.ledger.store;
    let nothing = serde_json::json!({});
    for renewed in [
        store.renew_job(&lost, None, &nothing, later).await,
        store.release_job(&lost, None, &nothing, later).await,
        store.finish_job(&lost, true, &nothing, later).await,
    ] {
        assert!(!renewed.expect("an answer"), "the claim is lost");
    }
    let again = stage.runner.run(Job::Verify, lost, |_| {}).await;
    assert!(matches!(again, Err(JobError::TakenOver)), "{again:?}");
    let finished = stage.runner.run(Job::Verify, kept, |_| {}).await;
    assert_eq!(finished.expect("an end").counts.holds, Some(true));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_claim_that_was_lost_nothing_is_renewed_released_or_finished() {
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

#[tokio::test(flavor = "multi_thread")]
async fn of_claims_that_are_made_at_once_by_one_worker_one_is_his() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let date = ledger.now.date_naive();
        let claim = || {
            ledger
                .store
                .claim_job("verify", date, ("test", "worker"), ledger.now, false)
        };
        let claims = futures_util::future::join_all((0..4).map(|_| claim())).await;
        let ours = claims.iter().filter(|claim| matches!(claim, Ok(Claim::Ours(_))));
        assert_eq!(ours.count(), 1, "{claims:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_wrong_clock_no_run_is_claimed_and_none_goes_on() {
    let mut stage = Stage::new(&[]).await;
    let limits = ClockLimits {
        warn: Duration::from_mins(1),
        stop: Duration::from_mins(5),
    };
    let clock = stage.runner.clock.clone();
    stage.runner.clock = clock.checked(stage.ledger.store.clone(), limits);
    let run = stage.ours(Job::Expire, false).await;
    let right = stage.ledger.now;
    for days in [400, -400] {
        stage.hand.set(right + TimeDelta::days(days));
        let date = right.date_naive();
        let claim = stage.runner.claim(Job::Verify, date, "test", false).await;
        assert!(matches!(claim, Err(ClaimError::Clock(_))), "{claim:?}");
    }
    let runner = stage.runner.clone();
    let mut running = pin!(runner.run(Job::Expire, run, |_| {}));
    let ended = tokio::time::timeout(Duration::from_millis(300), &mut running).await;
    assert!(ended.is_err(), "it waits for the right time");
    stage.hand.set(right);
    running.await.expect("an end");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_does_not_balance_fails_the_nightly_check() {
    let stage = Stage::new(&[promote("g", "ada", 10, None)]).await;
    stage
        .ledger
        .database
        .execute("UPDATE credits_balance SET balance = 11")
        .await;
    let counts = stage.run(Job::Verify).await;
    assert_eq!(counts.holds, Some(false));
    assert!(counts.violations >= 1);
    let run = stage.ledger.store.job_runs(1).await.expect("runs").remove(0);
    assert_eq!(run.status, "FAILED");
    stage
        .ledger
        .database
        .execute("UPDATE credits_balance SET balance = 10")
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_answered_is_counted_as_failed_and_left_due() {
    let now = DateTime::from_timestamp(1_790_000_000, 123_456_000).expect("an instant");
    let mut stage = Stage::new(&subscribers(30, "pro", now)).await;
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON credits_transaction WHEN NEW.user_id = 'pro-00007'
                  BEGIN SELECT RAISE(ABORT, 'broken'); END";
    stage.ledger.database.execute(broken).await;
    stage.runner.patience = Duration::from_millis(500);
    stage.at(ledger::period::start(now, 1) + TimeDelta::hours(1));
    let counts = stage.run(Job::Grant).await;
    assert_eq!((counts.processed, counts.successful, counts.failed), (30, 29, 1));
    let due = "SELECT count(*) FROM subscription WHERE user_id = 'pro-00007' AND due_at IS NOT NULL";
    assert_eq!(
        stage.ledger.number(due).await,
        1,
        "it is looked at again by the next run"
    );
    stage.ledger.database.execute("DROP TRIGGER broken").await;
    let granted =
        "SELECT count(*) FROM credits_transaction WHERE user_id = 'pro-00007' AND type = 'monthly_grant'";
    eventually("what was delayed comes back and is granted", async || {
        // It comes back when its time has come by the clock that stands still.
        let later = stage.runner.clock.now() + TimeDelta::seconds(11);
        stage.hand.set(later);
        stage.ledger.number(granted).await == 2
    })
    .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_at_most_so_many_commands_unanswered_waits_while_nobody_answers_and_holds_up_nobody() {
    let commands: Vec<Command> = (0..2000)
        .map(|n| promote(&format!("g{n}"), &format!("user-{n:04}"), 7, Some(1)))
        .collect();
    let mut stage = Stage::new(&commands).await;
    stage.at(stage.ledger.now + TimeDelta::hours(73));
    stage.runner.patience = Duration::from_secs(2);
    let Stage {
        ledger,
        worker,
        runner,
        ..
    } = stage;
    assert!(worker.drain(Duration::from_secs(10)).await);
    let run = runner
        .claim(Job::Expire, ledger.now.date_naive(), "test", false)
        .await;
    let Claim::Ours(run) = run.expect("a claim") else {
        panic!("nobody else is there")
    };
    let (job, client) = (runner.clone(), runner.client.clone());
    let job = tokio::spawn(async move { job.run(Job::Expire, run, |_| {}).await });
    // Nobody serves: the window fills, and after a while everything in it is asked once more.
    let waiting = "SELECT count(DISTINCT message_id) FROM queue_message WHERE door = 'internal'";
    let copies = "SELECT count(*) FROM queue_message WHERE door = 'internal'";
    eventually("the window is full and asked again", async || {
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
    assert!(live.await.expect("no panic").expect("an outcome").is_completed());
    let counts = job.await.expect("no panic").expect("an end").counts;
    assert_eq!(counts.failed, 0);
    // What was asked twice was answered twice, and the second answer is that nothing was left to sweep.
    assert_eq!(counts.processed_users, 2000 - WINDOW as u64);
    let swept = "SELECT count(*) FROM credits_transaction WHERE type = 'expiration'";
    assert_eq!(ledger.number(swept).await, 2000);
    let later = "SELECT count(*) FROM credits_transaction WHERE type = 'expiration'
                 AND id > (SELECT id FROM credits_transaction WHERE reference_id = 'live')";
    assert!(ledger.number(later).await >= 1000, "it did not wait for the job");
    ledger.verify().await;
    runner.client.close().await.expect("closed");
    assert!(worker.drain(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_does_not_balance_is_told_by_the_workers_log() {
    let broker = TestBroker::start().await;
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.one(promote("g", "ada", 10, None)).await;
    ledger
        .database
        .execute("UPDATE credits_balance SET balance = 11")
        .await;
    let namespace = broker.topology().namespace().to_owned();
    let deployment = Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
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

/// Waits until something has come about of which nobody tells.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// An instant as the ledger keeps it, in whole microseconds.
fn days_ago(days: i64) -> DateTime<Utc> {
    let micros = (Utc::now() - TimeDelta::days(days)).timestamp_micros();
    DateTime::from_timestamp_micros(micros).expect("an instant")
}

/// Two workers, one broker and database; everything that is due at their start is done once.
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
    let mut deployment = Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
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
    // The promotions, and the first month of each subscription.
    let swept = result("expire");
    assert_eq!(swept["processedBatches"], 4000, "{swept}");
    assert_eq!(result("expire")["totalExpiredAmount"], 3000 * 200 + 1000 * 9);
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

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_without_redis_run_each_job_once() {
    two_workers(None, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_redis_run_each_job_once() {
    two_workers(Some(&mut Server::start("redis").await), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_whose_redis_is_killed_run_each_job_once() {
    two_workers(Some(&mut Server::start("redis").await), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_grant_is_taken_over_and_every_period_is_granted_once() {
    let broker = TestBroker::start().await;
    let mut ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.now = days_ago(40);
    for group in subscribers(20_000, "pro", ledger.now).chunks(1000) {
        ledger.settle(group).await;
    }
    let namespace = broker.topology().namespace().to_owned();
    let mut deployment = Deployment::on_servers(broker.url(), &ledger.database.worker_url(), &namespace);
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
    assert!(ledger.number(granted).await < 40_000, "it was in the middle");
    // Nobody renews the lease; its end is brought forward instead of waited for.
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

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_runs_a_job_once_for_a_date_and_lists_it() {
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
    let told = deployment.succeed(&["job", "run", "grant", "--date", date]).await;
    assert!(told.starts_with("grant of 2026-01-02: 0 periods"), "{told}");
    let twice = deployment.run(&["job", "run", "grant", "--date", date]).await;
    assert_eq!(twice.status.code(), Some(1));
    let error = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(
        error.contains("grant of 2026-01-02 ran at") && error.contains("--again"),
        "{error}"
    );
    deployment
        .succeed(&["job", "run", "grant", "--date", date, "--again"])
        .await;
    let list = deployment.succeed(&["job", "list", "--limit", "1000"]).await;
    assert!(list.contains(date) && list.contains("next grant"), "{list}");
    let json: Value =
        serde_json::from_str(&deployment.succeed(&["--json", "job", "list"]).await).expect("JSON");
    assert_eq!(json["next"].as_array().expect("an array").len(), 3);
    assert!(worker.terminate().await.success());
}

#[test]
fn a_period_takes_part_in_its_fingerprint() {
    let start = Utc::now();
    let one = tests::ledger::grant_period("u", "s", start);
    let mut other = one.clone();
    if let Action::MonthlyGrant { period_start, .. } = &mut other.action {
        *period_start += TimeDelta::microseconds(1);
    }
    assert_ne!(one.fingerprint(), other.fingerprint());
}
