//! Jobs of real workers: with and without Redis, after a crash, and from the command line.

use std::time::Duration;

use scrip::cache::Redis;
use serde_json::Value;
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    ledger::{TestLedger, promote},
    process::Deployment,
    servers::Server,
};

use super::{days_ago, eventually, subscribers};

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
    // An expire command that is applied first grants the period of its user, too. So the ledger has
    // the number of grants (below), and the run only how many it found.
    let grant = result("grant");
    let count = |field: &str| {
        grant
            .get(field)
            .map_or(0, |value| value.as_u64().expect("a count"))
    };
    assert_eq!(
        count("processed"),
        count("successful") + count("skipped"),
        "{grant}"
    );
    assert!((1..=3000).contains(&count("successful")), "{grant}");
    assert_eq!(count("failed"), 0, "{grant}");
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
