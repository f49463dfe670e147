//! A worker with a wrong clock decides nothing, so no paid credits expire because of the clock.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use scrip::{
    clock::{Clock, ClockError, ClockLimits},
    db::StoreOptions,
    store::Store,
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use testkit::{
    broker::TestBroker,
    db::TestDatabase,
    process::{Deployment, Worker},
    stepped_clock::SteppedClock,
};

const DAY: i64 = 86_400;
/// A step that is longer than the validity of any package.
const FAR: i64 = 400 * DAY;
/// The log lines of a worker that stops deciding and that resumes.
const STOPPED: &str = "clocks differ too much, nothing is decided";
const RESUMED: &str = "clocks agree again";
/// The credits of the package `lite`, including its bonus.
const PAID: i64 = 110;

async fn buy(deployment: &Deployment) {
    let purchase = "publish purchase --user ada --package lite --purchase-id pi_1 --amount-paid \
        9.99 \
                    --currency USD --wait";
    deployment
        .succeed(&purchase.split_whitespace().collect::<Vec<_>>())
        .await;
}

async fn spend(deployment: &Deployment, reference: &str) {
    let consume = format!(
        "publish consume --user ada --service llm:tokens --quantity 2000 --reference {reference} \
         --wait"
    );
    deployment
        .succeed(&consume.split_whitespace().collect::<Vec<_>>())
        .await;
}

async fn available(deployment: &Deployment) -> i64 {
    let balance = deployment.succeed(&["--json", "balance", "ada"]).await;
    let balance: Value = serde_json::from_str(&balance).expect("JSON");
    balance["availableCredits"].as_i64().expect("a number")
}

/// A worker with the right time applies a purchase and ends.
async fn sell(deployment: &Deployment) {
    let worker = deployment.ready_worker().await;
    buy(deployment).await;
    assert!(worker.terminate().await.success());
}

/// Panics unless no credits were lost while the clock was wrong and the worker applies commands
/// again.
async fn assert_unharmed(deployment: &Deployment, worker: Worker) {
    assert_eq!(available(deployment).await, PAID);
    spend(deployment, "after").await;
    assert_eq!(available(deployment).await, PAID - 2);
    let dead = deployment.succeed(&["dead", "list", "--json"]).await;
    assert_eq!(dead.trim(), "");
    deployment.succeed(&["verify"]).await;
    assert!(worker.terminate().await.success());
}

async fn on_servers() -> (Deployment, TestBroker, TestDatabase) {
    let database = TestDatabase::postgres().await.migrated().await;
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let deployment = Deployment::on_servers(broker.url(), &database.worker_url(), namespace);
    (deployment, broker, database)
}

/// Conformance: Back pressure and health: A worker that starts with a wrong clock expires no paid
/// credits and grants no period
#[tokio::test]
async fn a_worker_that_starts_with_a_wrong_clock_expires_no_paid_credits() {
    for step in [FAR, -FAR] {
        let (mut deployment, _broker, _database) = on_servers().await;
        sell(&deployment).await;
        let clock = SteppedClock::install(&mut deployment).await;
        clock.step(step);
        let worker = deployment.worker();
        worker.wait_for(STOPPED).await;
        // The expiry job would have run by then, because a worker catches up on jobs when it
        // starts.
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(worker.times_logged("registered"), 0, "{}", worker.log());
        clock.step(0);
        worker.wait_for(RESUMED).await;
        worker.wait_for("ready").await;
        assert_unharmed(&deployment, worker).await;
    }
}

/// A subscription that is paid for longer than the clock is ahead, so that every period until then
/// could be granted.
async fn subscribe(deployment: &Deployment) -> i64 {
    let end = (Utc::now() + TimeDelta::days(800)).format("%Y-%m-%d");
    let subscription = format!(
        "publish subscription --user ada --subscription sub_1 --plan pro --status active \
         --paid-through {end}T00:00:00Z --wait --json"
    );
    let outcome = deployment
        .succeed(&subscription.split_whitespace().collect::<Vec<_>>())
        .await;
    let outcome: Value = serde_json::from_str(&outcome).expect("JSON");
    outcome["amount"]
        .as_i64()
        .expect("the first period's credits")
}

/// Conformance: Back pressure and health: A worker that starts with a wrong clock expires no paid
/// credits and grants no period
#[tokio::test]
async fn on_a_file_a_clock_far_ahead_at_the_start_expires_and_grants_nothing() {
    let mut deployment = Deployment::embedded();
    let worker = deployment.ready_worker().await;
    buy(&deployment).await;
    let granted = subscribe(&deployment).await;
    assert!(granted > 0);
    assert!(worker.terminate().await.success());
    let clock = SteppedClock::install(&mut deployment).await;
    clock.step(FAR);
    let worker = deployment.worker();
    worker
        .wait_for("time is not confirmed, nothing is decided")
        .await;
    let consume =
        "publish consume --user ada --service llm:tokens --quantity 2000 --reference during";
    deployment
        .succeed(&consume.split_whitespace().collect::<Vec<_>>())
        .await;
    // The command would have been applied by then.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        worker.times_logged("time is not confirmed, nothing is decided"),
        1
    );
    clock.step(0);
    worker.wait_for(STOPPED).await;
    assert!(worker.terminate().await.success());
    let worker = deployment.ready_worker().await;
    spend(&deployment, "after").await;
    assert_eq!(available(&deployment).await, PAID + granted - 4);
    deployment.succeed(&["verify"]).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A worker that starts with a wrong clock expires no paid
/// credits and grants no period
///
/// Commands are decided at once, because such a pause is normal.
#[tokio::test]
async fn on_a_file_jobs_alone_wait_for_a_steady_clock_after_a_pause_of_days() {
    let mut deployment = Deployment::embedded();
    sell(&deployment).await;
    let clock = SteppedClock::install(&mut deployment).await;
    clock.step(20 * DAY);
    let worker = deployment.ready_worker().await;
    worker.wait_for("jobs wait for a steady clock").await;
    spend(&deployment, "after").await;
    assert_eq!(available(&deployment).await, PAID - 2);
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A worker that starts with a wrong clock expires no paid
/// credits and grants no period
#[tokio::test]
async fn on_a_file_a_clock_behind_the_newest_entry_decides_nothing() {
    let mut deployment = Deployment::embedded();
    sell(&deployment).await;
    let clock = SteppedClock::install(&mut deployment).await;
    clock.step(-FAR);
    let worker = deployment.worker();
    worker.wait_for(STOPPED).await;
    // The worker would have taken the lane by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        worker.times_logged("serving the queue"),
        0,
        "{}",
        worker.log()
    );
    clock.step(0);
    worker.wait_for(RESUMED).await;
    worker.wait_for("ready").await;
    assert_unharmed(&deployment, worker).await;
}

/// Conformance: Back pressure and health: While its clock is wrong in either direction, a worker is
/// unready and decides nothing; waiting commands are applied once afterwards
#[tokio::test]
async fn a_clock_that_jumps_stops_a_worker_until_it_is_right_again() {
    for servers in [true, false] {
        let (mut deployment, _servers) = if servers {
            let (deployment, broker, database) = on_servers().await;
            (deployment, Some((broker, database)))
        } else {
            (Deployment::embedded(), None)
        };
        let clock = SteppedClock::install(&mut deployment).await;
        let worker = deployment.ready_worker().await;
        buy(&deployment).await;
        for (times, step) in [FAR, -FAR, 3600, -3600].into_iter().enumerate() {
            clock.step(step);
            worker.wait_for_more(STOPPED, times).await;
            clock.step(0);
            worker.wait_for_more(RESUMED, times).await;
        }
        assert_unharmed(&deployment, worker).await;
    }
}

/// The worker continues, because the clocks differ by less than the limit.
#[tokio::test]
async fn a_worker_with_a_slightly_wrong_clock_books_by_the_clock_of_the_database() {
    for step in [-200, 200] {
        let (mut deployment, _broker, database) = on_servers().await;
        let clock = SteppedClock::install(&mut deployment).await;
        let worker = deployment.ready_worker().await;
        clock.step(step);
        worker.wait_for("clocks differ").await;
        buy(&deployment).await;
        spend(&deployment, "c").await;
        let ledger = database.connect().await;
        let sql = "SELECT count(*),
                          count(*) FILTER (WHERE abs(extract(epoch FROM created_at - now())) < 60)
                     FROM credits_transaction";
        let statement = Statement::from_string(ledger.get_database_backend(), sql);
        let row = ledger.query_one_raw(statement).await.expect("an answer");
        let row = row.expect("a row");
        let number = |nth| row.try_get_by_index::<i64>(nth).expect("a number");
        assert_eq!((number(0), number(1)), (3, 3), "{step}");
        assert!(worker.terminate().await.success());
    }
}

/// Between two comparisons the monotonic clock shows the jump.
#[tokio::test]
async fn a_jump_is_noticed_before_the_next_comparison() {
    for database in TestDatabase::each_migrated().await {
        let store = Store::connect(database.url(), &StoreOptions::default()).await;
        let store = store.expect("a store");
        let (clock, clock_handle) = Clock::manual(Utc::now());
        let limits = ClockLimits {
            warn: Duration::from_mins(1),
            stop: Duration::from_mins(5),
        };
        let clock = clock.checked(store.database().clone(), limits);
        clock.confirmed().await.expect("the right time");
        for step in [FAR, -FAR] {
            clock_handle.set(Utc::now() + TimeDelta::seconds(step));
            let wrong = clock.confirmed().await;
            assert!(
                matches!(wrong, Err(ClockError::Differs { .. })),
                "{wrong:?}"
            );
            clock_handle.set(Utc::now());
            clock.confirmed().await.expect("the right time again");
        }
        store.close().await.expect("closed");
    }
}
