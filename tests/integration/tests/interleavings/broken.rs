//! A group that ends in the middle: its session ends, the response to its commit is lost, or the
//! database returns an error.

use std::time::Duration;

use ledger::{Command, Outcome};
use scrip::{
    db::{StoreError, StoreOptions},
    store::sql,
};
use testkit::ledger::{buy_credits, consume};

use super::{
    ending::{Booked, booked},
    fixture::Fixture,
    session::Writer,
};

/// The booked rows at the end of all these interleavings: the group of two, and the other group.
fn ending() -> Vec<Booked> {
    vec![
        booked("ada", "p1", 20),
        booked("ada", "c1", -3),
        booked("ada", "c2", -4),
        booked("ada", "other", -5),
    ]
}

async fn fund(fixture: &Fixture) -> [Command; 2] {
    fixture.ledger.one(buy_credits("p1", "ada", 20)).await;
    [consume("c1", "ada", 3), consume("c2", "ada", 4)]
}

fn other() -> [Command; 1] {
    [consume("other", "ada", 5)]
}

async fn again(writer: &Writer, group: &[Command]) -> Vec<Outcome> {
    writer.commits_pessimistically(group).await.outcomes().await
}

fn code(error: &StoreError) -> String {
    error
        .code()
        .unwrap_or_else(|| panic!("no code of the database: {error:?}"))
}

fn is_commit(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Database {
            doing: "commit",
            ..
        }
    )
}

pub async fn the_session_ends_before_its_commit(fixture: &mut Fixture) -> Vec<Booked> {
    let group = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AFTER UPDATE credits_balance").await;
    let one = first.commits_pessimistically(&group).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second.commits_pessimistically(&other()).await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    fixture.terminate(one.pid).await;
    assert!(!is_commit(&one.error().await));
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    gate.release().await;
    let outcomes = again(&first, &group).await;
    assert!(outcomes.iter().all(|outcome| !outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(8));
    ending()
}

/// Conformance: Idempotency: A commit whose response is lost is applied once
pub async fn the_session_ends_in_its_commit(fixture: &mut Fixture) -> Vec<Booked> {
    let group = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first COMMIT").await;
    let one = first.commits_pessimistically(&group).await;
    fixture.until_waits(&one, gate.pid, "COMMIT").await;
    let two = second.commits_pessimistically(&other()).await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    fixture.terminate(one.pid).await;
    assert!(is_commit(&one.error().await));
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    gate.release().await;
    let outcomes = again(&first, &group).await;
    assert!(outcomes.iter().all(|outcome| !outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(8));
    ending()
}

/// Conformance: Idempotency: A commit whose response is lost is applied once
pub async fn the_response_to_a_commit_is_lost(fixture: &mut Fixture) -> Vec<Booked> {
    let group = fund(fixture).await;
    let (proxy, first) = fixture.writer_behind_a_relay("first").await;
    let second = fixture.writer("second").await;
    let gate = fixture.block_at("first COMMIT").await;
    let ghost = first.commits_pessimistically(&group).await;
    fixture.until_waits(&ghost, gate.pid, "COMMIT").await;
    assert!(proxy.cut() > 0);
    let pid = ghost.pid;
    assert!(is_commit(&ghost.error().await), "the result is unknown");
    let retry = first.commits_pessimistically(&group).await;
    fixture
        .until_waits(&retry, pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    let outcomes = retry.outcomes().await;
    assert!(outcomes.iter().all(|outcome| outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(13));
    assert_eq!(again(&second, &other()).await[0].balance, Some(8));
    ending()
}

pub async fn the_database_returns_an_error_in_the_middle(fixture: &mut Fixture) -> Vec<Booked> {
    let group = fund(fixture).await;
    let before = fixture.ledger.fingerprint().await;
    let (first, second) = fixture.writers().await;
    // The codes stand for a serialization failure, a deadlock, a full disk, a standby after a
    // failover, and a shutdown by an operator.
    for sqlstate in ["40001", "40P01", "53100", "25006", "57P01"] {
        fixture
            .error("first BEFORE UPDATE credits_batch", sqlstate)
            .await;
        let error = first.commits_pessimistically(&group).await.error().await;
        assert_eq!(code(&error), sqlstate);
        assert_eq!(fixture.ledger.fingerprint().await, before);
        fixture.clear_injections().await;
    }
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    fixture
        .error("first AFTER UPDATE credits_batch", "40P01")
        .await;
    let one = first.commits_pessimistically(&group).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second.commits_pessimistically(&other()).await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    one.error().await;
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    fixture.clear_injections().await;
    assert_eq!(again(&first, &group).await[1].balance, Some(8));
    ending()
}

pub async fn a_statement_takes_too_long_in_the_middle(fixture: &mut Fixture) -> Vec<Booked> {
    let group = fund(fixture).await;
    let hasty = StoreOptions {
        statement_timeout: Duration::from_millis(500),
        ..StoreOptions::default()
    };
    let url = fixture.ledger.database.url();
    let first = fixture.writer_with("first", url, hasty).await;
    let second = fixture.writer("second").await;
    let gate = fixture.block_at("first BEFORE UPDATE credits_batch").await;
    let before = fixture.ledger.fingerprint().await;
    let error = first.commits_pessimistically(&group).await.error().await;
    assert_eq!(code(&error), "57014");
    assert_eq!(fixture.ledger.fingerprint().await, before);
    gate.release().await;
    let gate = fixture
        .block_at("second BEFORE UPDATE credits_balance")
        .await;
    let two = second.commits_pessimistically(&other()).await;
    fixture.until_waits(&two, gate.pid, sql::WRITE_GROUP).await;
    let error = first.commits_pessimistically(&group).await.error().await;
    assert_eq!(
        code(&error),
        "57014",
        "a timeout while it waited for the wallet"
    );
    gate.release().await;
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    assert_eq!(again(&first, &group).await[1].balance, Some(8));
    ending()
}
