//! A read of a balance during the commit of a group.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{SubscriptionStatus::Active, period};
use scrip::read;
use testkit::ledger::{consume, subscribe};

use super::{
    ending::{Booked, booked},
    fixture::{Fixture, one},
};

/// The time limit for the reader to reach the statement.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The number of sessions that wait in a statement on the subscriptions.
const READERS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock' \
    AND query LIKE '%FROM subscription%'";

/// Conformance: Commands: A reported balance includes periods that are due but not yet granted
pub async fn a_grant_commits_while_a_balance_is_read(fixture: &mut Fixture) -> Vec<Booked> {
    let start = fixture.ledger.now;
    let event = subscribe("e1", "ada", "sub_1", "pro", Active, start);
    fixture.ledger.one(event).await;
    fixture.ledger.one(consume("c1", "ada", 200)).await;
    let due = period::start(start, 1);
    fixture.ledger.now = due + TimeDelta::seconds(1);
    let first = fixture.writer("first").await;
    let gate = fixture.block_at("first COMMIT").await;
    let grant = first
        .commits_pessimistically(&[consume("c2", "ada", 5)])
        .await;
    fixture.until_waits(&grant, gate.pid, "COMMIT").await;
    // The reader waits for the subscriptions behind a session that wants to lock the table.
    let lock = "LOCK TABLE subscription IN ACCESS EXCLUSIVE MODE";
    let locking = fixture.hold("SELECT 1").await.executes(lock);
    fixture.until_waits(&locking, grant.pid, lock).await;
    let (store, rules, now) = (
        fixture.ledger.store.clone(),
        fixture.ledger.rules.clone(),
        fixture.ledger.now,
    );
    let reading =
        tokio::spawn(
            async move { read::balance(store.read_connection(), "ada", &rules, now).await },
        );
    let began = Instant::now();
    while fixture.ledger.number(READERS).await == 0 {
        let is_waiting = began.elapsed() < TIMEOUT && !reading.is_finished();
        assert!(is_waiting, "the reader never reached the subscriptions");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    gate.release().await;
    let outcomes = grant.outcomes().await;
    assert_eq!(outcomes[0].available, Some(195));
    locking.end().await.release().await;
    let balance = reading.await.expect("no panic").expect("an answer");
    let balance = balance.expect("a wallet");
    let answer = (balance.available_credits, balance.version);
    let row = one(
        fixture.ledger.store.read_connection(),
        "SELECT balance, version FROM credits_balance",
        [],
    )
    .await;
    let version: i64 = row.try_get_by_index(1).expect("a version");
    assert_eq!(
        answer,
        (200, version - 1),
        "the state from before the group"
    );
    let reference = |at: DateTime<Utc>| format!("grant:sub_1:{}", at.format("%Y-%m-%d"));
    vec![
        booked("ada", "e1", 0),
        booked("ada", &reference(start), 200),
        booked("ada", "c1", -200),
        booked("ada", &reference(due), 200),
        booked("ada", "c2", -5),
    ]
}
