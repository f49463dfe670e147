//! A balance is read while a group commits.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{SubscriptionStatus::Active, period};
use scrip::read;
use tests::ledger::{consume, subscribe};

use super::{
    ending::{Booked, booked},
    stage::{Stage, one},
};

/// How long the reader may take to get there.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sessions that wait in a statement on the subscriptions.
const READERS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM subscription%'";

pub async fn a_grant_commits_while_a_balance_is_read(stage: &mut Stage) -> Vec<Booked> {
    let start = stage.ledger.now;
    let event = subscribe("e1", "ada", "sub_1", "pro", Active, start);
    stage.ledger.one(event).await;
    stage.ledger.one(consume("c1", "ada", 200)).await;
    let due = period::start(start, 1);
    stage.ledger.now = due + TimeDelta::seconds(1);
    let first = stage.writer("first").await;
    let gate = stage.close("first COMMIT").await;
    let grant = first.commits(&[consume("c2", "ada", 5)]).await;
    stage.until_waits(&grant, gate.pid, "COMMIT").await;
    // The reader waits for the subscriptions behind whoever wants to lock the table.
    let lock = "LOCK TABLE subscription IN ACCESS EXCLUSIVE MODE";
    let locking = stage.hold("SELECT 1").await.executes(lock);
    stage.until_waits(&locking, grant.pid, lock).await;
    let (store, rules, now) = (
        stage.ledger.store.clone(),
        stage.ledger.rules.clone(),
        stage.ledger.now,
    );
    let reading =
        tokio::spawn(async move { read::balance(store.read_connection(), "ada", &rules, now).await });
    let began = Instant::now();
    while stage.ledger.number(READERS).await == 0 {
        let is_waiting = began.elapsed() < PATIENCE && !reading.is_finished();
        assert!(is_waiting, "the reader never came to the subscriptions");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    gate.let_go().await;
    let outcomes = grant.outcomes().await;
    assert_eq!(outcomes[0].available, Some(195));
    locking.end().await.let_go().await;
    let balance = reading.await.expect("no panic").expect("an answer");
    let balance = balance.expect("a wallet");
    let answer = (balance.available_credits, balance.version);
    let row = one(
        stage.ledger.store.read_connection(),
        "SELECT balance, version FROM credits_balance",
        [],
    )
    .await;
    let version: i64 = row.try_get_by_index(1).expect("a version");
    assert_eq!(answer, (200, version - 1), "as it was before the group");
    let reference = |at: DateTime<Utc>| format!("grant:sub_1:{}", at.format("%Y-%m-%d"));
    vec![
        booked("ada", "e1", 0),
        booked("ada", &reference(start), 200),
        booked("ada", "c1", -200),
        booked("ada", &reference(due), 200),
        booked("ada", "c2", -5),
    ]
}
