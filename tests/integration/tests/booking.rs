//! A report of a closed period never changes, even if a commit hangs while the report is made.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use ledger::Command;
use scrip::{
    catalog::Catalog,
    clock::Clock,
    db::{BookingClock, StoreOptions},
    read::{
        self,
        report::{Horizon, HorizonError, Report, Span, horizon},
    },
    store::Store,
    transport::embedded::{Embedded, EmbeddedOptions},
};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, Statement,
    TransactionOptions, TransactionTrait,
};
use testkit::{
    broker::broker_url,
    db::TestDatabase,
    ledger::{TestLedger, buy_credits, consume, promote, register},
    process::Deployment,
    proxy::Proxy,
};
use tokio::time::sleep;

/// A store with the options of a worker.
async fn workers_store(url: &str) -> Store {
    let options = StoreOptions {
        booking_clock: BookingClock::Database,
        ..StoreOptions::default()
    };
    Store::connect(url, &options).await.expect("a store")
}

/// A ledger in which `ada` has credits.
async fn ledger() -> TestLedger {
    let mut ledger = TestLedger::on(TestDatabase::postgres().await).await;
    ledger.store = workers_store(ledger.database.url()).await;
    ledger.now = Utc::now();
    ledger.one(buy_credits("p", "ada", 100)).await;
    ledger
}

async fn report(ledger: &TestLedger, until: DateTime<Utc>) -> Report {
    let span = Span {
        from: DateTime::UNIX_EPOCH,
        until,
    };
    let report = read::report(ledger.store.read_connection(), span, 10).await;
    report.expect("a report")
}

/// The booking time of the transaction with this reference.
async fn booked(ledger: &TestLedger, reference: &str) -> DateTime<Utc> {
    let sql =
        format!("SELECT created_at FROM credits_transaction WHERE reference_id = '{reference}'");
    let statement = Statement::from_string(ledger.store.backend(), sql);
    let row = ledger
        .store
        .read_connection()
        .query_one_raw(statement)
        .await;
    let row = row.expect("reads").expect("it is booked");
    row.try_get_by_index(0).expect("an instant")
}

/// Locks the wallet of `ada` in a separate session.
async fn lock_wallet(ledger: &TestLedger) -> DatabaseTransaction {
    let session = ledger.database.connect().await;
    let lock = session.begin().await.expect("begins");
    lock.execute_unprepared("SELECT 1 FROM credits_balance WHERE user_id = 'ada' FOR UPDATE")
        .await
        .expect("locks");
    lock
}

/// Waits until `sessions` sessions of the ledger wait for a lock.
async fn wait_for_blocked(ledger: &TestLedger, sessions: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND wait_event_type = 'Lock'";
    while ledger.number(sql).await < sessions {
        sleep(Duration::from_millis(5)).await;
    }
}

fn commit(ledger: &TestLedger, command: Command, pessimistic: bool) -> tokio::task::JoinHandle<()> {
    let (store, rules, now) = (ledger.store.clone(), ledger.rules.clone(), Utc::now());
    tokio::spawn(async move {
        let group = [command];
        let committed = if pessimistic {
            store
                .commit_group_pessimistically(&group, &rules, now)
                .await
        } else {
            store.commit_group(&group, &rules, now).await
        };
        committed.expect("it is committed");
    })
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn a_commit_that_hangs_is_booked_after_the_reported_period() {
    let ledger = ledger().await;
    for (nth, pessimistic) in [false, true].into_iter().enumerate() {
        let lock = lock_wallet(&ledger).await;
        let reference = format!("c-{nth}");
        let hanging = commit(&ledger, consume(&reference, "ada", 7), pessimistic);
        wait_for_blocked(&ledger, 1).await;
        // The period ends by every clock before the commit.
        sleep(Duration::from_millis(50)).await;
        let horizon_now = horizon(&ledger.store).await.expect("a horizon");
        assert!(horizon_now.at < horizon_now.now, "{horizon_now:?}");
        assert!(horizon_now.open.is_some());
        let before = report(&ledger, horizon_now.at).await;
        lock.rollback().await.expect("releases");
        hanging.await.expect("it is committed");
        assert!(
            booked(&ledger, &reference).await >= horizon_now.at,
            "{horizon_now:?}"
        );
        assert_eq!(report(&ledger, horizon_now.at).await, before);
        let after = horizon(&ledger.store).await.expect("a horizon");
        assert!(after.at > booked(&ledger, &reference).await && after.open.is_none());
        assert!(report(&ledger, after.at).await.adds_up);
    }
    ledger.verify().await;
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn a_statement_that_arrives_late_is_booked_late() {
    let ledger = ledger().await;
    let proxy = Proxy::before(Proxy::target(ledger.database.url())).await;
    let store = workers_store(&proxy.instead_of(ledger.database.url())).await;
    let rules = ledger.rules.clone();
    let group = [consume("warm", "ada", 1)];
    store
        .commit_group(&group, &rules, Utc::now())
        .await
        .expect("committed");
    for (reference, command) in [
        ("optimistic", consume("optimistic", "ada", 1)),
        ("pessimistic", register("pessimistic", "bob")),
        ("several", promote("several", "ada", 5, None)),
    ] {
        proxy.deafen();
        let (other, rules, decided) = (store.clone(), rules.clone(), Utc::now());
        let under_way = tokio::spawn(async move {
            let group = [command];
            other
                .commit_group(&group, &rules, decided)
                .await
                .expect("committed");
        });
        sleep(Duration::from_millis(100)).await;
        // The statement has not reached the server yet, and the report covers a time after its
        // decision.
        let horizon_now = horizon(&ledger.store).await.expect("a horizon");
        assert!(horizon_now.at > decided);
        let before = report(&ledger, horizon_now.at).await;
        proxy.open();
        under_way.await.expect("it is committed");
        assert!(
            booked(&ledger, reference).await >= horizon_now.at,
            "{reference}: {horizon_now:?}"
        );
        assert_eq!(report(&ledger, horizon_now.at).await, before);
    }
    ledger.verify().await;
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn a_worker_with_a_wrong_clock_books_nothing_into_a_closed_period() {
    let ledger = ledger().await;
    let horizon_now = horizon(&ledger.store).await.expect("a horizon");
    let before = report(&ledger, horizon_now.at).await;
    let slow = Utc::now() - chrono::TimeDelta::days(2);
    for group in [
        vec![consume("one", "ada", 1)],
        vec![consume("two", "ada", 1), promote("three", "ada", 5, None)],
        vec![register("four", "bob"), consume("five", "bob", 1)],
    ] {
        ledger
            .store
            .commit_group(&group, &ledger.rules, slow)
            .await
            .expect("committed");
    }
    for reference in ["one", "two", "three", "four", "five"] {
        assert!(
            booked(&ledger, reference).await >= horizon_now.at,
            "{reference}"
        );
    }
    assert_eq!(report(&ledger, horizon_now.at).await, before);
    ledger.verify().await;
}

#[tokio::test]
async fn the_report_of_the_current_day_ends_before_the_first_open_transaction() {
    let ledger = ledger().await;
    let deployment = Deployment::on_servers(&broker_url(), ledger.database.url(), "booking");
    let lock = lock_wallet(&ledger).await;
    lock.execute_unprepared("UPDATE credits_balance SET updated_at = updated_at")
        .await
        .expect("writes");
    let horizon_now = horizon(&ledger.store).await.expect("a horizon");
    assert!(horizon_now.at < horizon_now.now, "{horizon_now:?}");
    let report = deployment.succeed(&["--json", "report"]).await;
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let until: DateTime<Utc> = report["until"]
        .as_str()
        .expect("a text")
        .parse()
        .expect("an instant");
    assert_eq!(until, horizon_now.at);
    lock.rollback().await.expect("ends");
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn readers_do_not_hold_the_horizon_back() {
    let ledger = ledger().await;
    let session = ledger.database.connect().await;
    let options = TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    let reader = session.begin_with_options(options).await.expect("begins");
    reader
        .execute_unprepared("SELECT count(*) FROM credits_transaction")
        .await
        .expect("reads");
    let horizon_now = horizon(&ledger.store).await.expect("a horizon");
    assert_eq!((horizon_now.at, horizon_now.open), (horizon_now.now, None));
    reader.rollback().await.expect("ends");
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn a_session_of_another_role_that_cannot_be_seen_is_named() {
    let ledger = ledger().await;
    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    ledger
        .database
        .execute(&format!("CREATE ROLE {role} LOGIN"))
        .await;
    let url = ledger.database.url();
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let reader = workers_store(&format!("{scheme}://{role}@{host}")).await;
    let lock = lock_wallet(&ledger).await;
    lock.execute_unprepared("UPDATE credits_balance SET updated_at = updated_at")
        .await
        .expect("writes");
    let hidden = horizon(&reader).await;
    assert!(
        matches!(hidden, Err(HorizonError::Hidden { .. })),
        "{hidden:?}"
    );
    ledger
        .database
        .execute(&format!("GRANT pg_read_all_stats TO {role}"))
        .await;
    let horizon_now = horizon(&reader).await.expect("a horizon");
    assert!(horizon_now.at < horizon_now.now);
    lock.rollback().await.expect("ends");
    reader.close().await.expect("closes");
    ledger.database.execute(&format!("DROP ROLE {role}")).await;
}

/// Conformance: Configuration and command line: A report covers only time that is closed to new
/// bookings; a hanging or late commit is booked later
#[tokio::test]
async fn on_one_file_no_report_is_made_while_another_connection_writes() {
    let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
    let hasty = StoreOptions {
        busy_timeout: Duration::from_millis(50),
        ..StoreOptions::default()
    };
    let reporter = Store::connect(ledger.database.url(), &hasty)
        .await
        .expect("a store");
    let open = ledger.store.begin().await.expect("begins");
    let group = [buy_credits("p", "ada", 100)];
    let decided = ledger
        .store
        .commit_group_in(&open, &group, &ledger.rules, Utc::now());
    decided.await.expect("written");
    let locked = horizon(&reporter).await;
    assert!(matches!(locked, Err(HorizonError::Locked(_))), "{locked:?}");
    open.commit().await.expect("committed");
    let Horizon { at, now, open } = horizon(&reporter).await.expect("a horizon");
    assert!(at == now && open.is_none() && at > booked(&ledger, "p").await);
    assert_eq!(reporter.backend(), DbBackend::Sqlite);
}

/// The time of a group is read under the lock of the file. So it is not before the end of a report
/// that was made in the meantime.
#[tokio::test(flavor = "multi_thread")]
async fn on_one_file_a_group_that_waited_for_the_lock_is_booked_when_it_gets_it() {
    let ledger = TestLedger::on(TestDatabase::sqlite().await).await;
    let catalog = Catalog {
        rules: Arc::new(ledger.rules.clone()),
        packages: Vec::new(),
        free_users_may_buy: true,
    };
    let options = EmbeddedOptions {
        url: ledger.database.url().to_owned(),
        worker: "worker".to_owned(),
        group_max: 1000,
        clock: Clock::system(),
    };
    let worker = Embedded::start(options, ledger.store.clone(), Arc::new(catalog)).await;
    let worker = worker.expect("a worker");
    worker.ready().await;
    let writer = ledger.database.connect().await;
    // The worker does not wait in every round. It may be faster than the lock, or the renewal of
    // its lease may wait instead.
    let mut waited = 0;
    for nth in 0..20 {
        let reference = format!("g-{nth}");
        let grant = producer_sdk::Command::registration_bonus(&reference, &reference);
        let body = String::from_utf8(grant.to_json()).expect("text");
        let sql = "INSERT INTO queue_message (queue, origin, body, enqueued_at) \
                   VALUES ('commands', 'funding', CAST($1 AS BLOB), $2)";
        let at = scrip::db::sqlite_instant(Utc::now());
        let put = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [body.into(), at.into()]);
        writer.execute_raw(put).await.expect("a row");
        let lock = writer.begin().await.expect("begins");
        lock.execute_unprepared("UPDATE credits_balance SET updated_at = updated_at")
            .await
            .expect("locks");
        let sql =
            format!("SELECT count(*) FROM credits_transaction WHERE reference_id = '{reference}'");
        let is_booked = ledger.number(&sql).await > 0;
        sleep(Duration::from_millis(100)).await;
        let reported_until = Utc::now();
        lock.rollback().await.expect("releases");
        while ledger.number(&sql).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        if !is_booked {
            waited += 1;
            assert!(booked(&ledger, &reference).await >= reported_until, "{nth}");
        }
    }
    assert!(waited > 0, "the worker was faster than the lock each time");
    assert!(worker.drain(Duration::from_secs(10)).await);
}
