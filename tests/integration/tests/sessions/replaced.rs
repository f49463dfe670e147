//! A session is replaced when the settings from its start no longer apply.

use std::time::{Duration, Instant};

use producer_sdk::Command;
use scrip::{db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, Statement};
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    ledger::{TestLedger, consume, promote},
    process::Deployment,
};

use super::settings::{end_sessions, set};

const READ_ONLY: &str = "default_transaction_read_only";
/// The time within which a worker must continue after the cause is removed.
const SECONDS: Duration = Duration::from_secs(15);

/// Conformance: Ordering, failures and dead letters: A database session opened under settings that
/// no longer hold is replaced within seconds
#[tokio::test]
async fn a_read_only_session_is_replaced_when_the_database_is_writable_again() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.one(promote("p", "ada", 7, None)).await;
    set(&ledger.database, READ_ONLY, Some("on")).await;
    assert!(end_sessions(&ledger.database).await > 0);
    let commit = async || {
        let spent = [consume("c", "ada", 2)];
        ledger
            .store
            .commit_group(&spent, &ledger.rules, ledger.now)
            .await
    };
    // Repeat until all connections have noticed the end of their sessions.
    while commit().await.expect_err("a read-only session").kind() != "read_only" {}
    assert_eq!(
        ledger
            .store
            .probe()
            .await
            .expect_err("a read-only session")
            .kind(),
        "read_only"
    );
    set(&ledger.database, READ_ONLY, None).await;
    commit().await.expect("a new session");
    ledger.store.probe().await.expect("a writable database");
    ledger.verify().await;
}

/// Conformance: Ordering, failures and dead letters: A database session opened under settings that
/// no longer hold is replaced within seconds
#[tokio::test]
async fn a_worker_continues_within_seconds_after_a_read_only_default_is_reset() {
    let database = TestDatabase::postgres().await.migrated().await;
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let deployment = Deployment::on_servers(&broker_url(), database.url(), namespace);
    let worker = deployment.ready_worker().await;
    let mut replies = broker.replies().await;
    set(&database, READ_ONLY, Some("on")).await;
    assert!(end_sessions(&database).await > 0);
    let bonus = Command::registration_bonus("r", "ada");
    broker
        .send_with(&bonus, replies.reply_properties("1"))
        .await;
    worker.wait_for("read-only transaction").await;
    set(&database, READ_ONLY, None).await;
    let lifted = Instant::now();
    assert!(replies.outcome().await.is_completed());
    assert!(lifted.elapsed() < SECONDS, "{:?}", lifted.elapsed());
    assert!(worker.terminate().await.success());
}

/// Conformance: Ordering, failures and dead letters: A database session opened under settings that
/// no longer hold is replaced within seconds
#[tokio::test]
async fn sessions_are_replaced_when_a_setting_of_the_database_has_changed() {
    let ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.one(promote("p", "ada", 7, None)).await;
    let spend = async |reference: &str| {
        let spent = [consume(reference, "ada", 1)];
        ledger
            .store
            .commit_group(&spent, &ledger.rules, ledger.now)
            .await
    };
    ledger.store.check_settings().await.expect("an answer");
    // A session that is opened from now on finds no table.
    set(&ledger.database, "search_path", Some("nowhere")).await;
    spend("c-1").await.expect("an older session");
    ledger.store.check_settings().await.expect("an answer");
    spend("c-2").await.expect_err("a new session");
    set(&ledger.database, "search_path", None).await;
    ledger.store.check_settings().await.expect("an answer");
    spend("c-3").await.expect("a new session");
    ledger.verify().await;
}

/// Conformance: Ordering, failures and dead letters: A database session opened under settings that
/// no longer hold is replaced within seconds
#[tokio::test]
async fn sessions_stay_while_no_setting_changes() {
    let database = TestDatabase::postgres().await.migrated().await;
    let other = TestDatabase::postgres().await;
    let one = StoreOptions {
        max_connections: 1,
        ..StoreOptions::default()
    };
    let store = Store::connect(database.url(), &one).await.expect("a store");
    let sessions = async || {
        let mut pids = Vec::new();
        for connection in [store.connection(), store.read_connection()] {
            let statement = Statement::from_string(store.backend(), "SELECT pg_backend_pid()");
            let row = connection
                .query_one_raw(statement)
                .await
                .expect("an answer");
            let pid: i32 = row.expect("a row").try_get_by_index(0).expect("a number");
            pids.push(pid);
        }
        pids
    };
    let before = sessions().await;
    for _ in 0..3 {
        store.check_settings().await.expect("an answer");
        store.probe().await.expect("an answer");
        set(&other, "work_mem", Some("'8MB'")).await;
        assert_eq!(sessions().await, before);
    }
}
