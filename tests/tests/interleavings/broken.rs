//! A group that ends in the middle: its session dies, its commit goes unanswered, the database gives up on it.

use std::time::Duration;

use ledger::{Command, Outcome};
use scrip::store::{StoreError, StoreOptions, sql};
use tests::ledger::{buy_credits, consume};

use super::{
    ending::{Booked, booked},
    session::Writer,
    stage::Stage,
};

/// What all of these end with: ada's group of two, and the other one's.
fn ending() -> Vec<Booked> {
    vec![
        booked("ada", "p1", 20),
        booked("ada", "c1", -3),
        booked("ada", "c2", -4),
        booked("ada", "other", -5),
    ]
}

async fn fund(stage: &Stage) -> [Command; 2] {
    stage.ledger.one(buy_credits("p1", "ada", 20)).await;
    [consume("c1", "ada", 3), consume("c2", "ada", 4)]
}

fn other() -> [Command; 1] {
    [consume("other", "ada", 5)]
}

async fn again(writer: &Writer, group: &[Command]) -> Vec<Outcome> {
    writer.commits(group).await.outcomes().await
}

fn code(error: &StoreError) -> String {
    error
        .code()
        .unwrap_or_else(|| panic!("no code of the database: {error:?}"))
}

fn is_commit(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { doing: "commit", .. })
}

pub async fn the_session_dies_before_its_commit(stage: &mut Stage) -> Vec<Booked> {
    let group = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER UPDATE credits_balance").await;
    let one = first.commits(&group).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let two = second.commits(&other()).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    stage.terminate(one.pid).await;
    assert!(!is_commit(&one.error().await));
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    gate.let_go().await;
    let outcomes = again(&first, &group).await;
    assert!(outcomes.iter().all(|outcome| !outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(8));
    ending()
}

pub async fn the_session_dies_in_its_commit(stage: &mut Stage) -> Vec<Booked> {
    let group = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first COMMIT").await;
    let one = first.commits(&group).await;
    stage.until_waits(&one, gate.pid, "COMMIT").await;
    let two = second.commits(&other()).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    stage.terminate(one.pid).await;
    assert!(is_commit(&one.error().await));
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    gate.let_go().await;
    let outcomes = again(&first, &group).await;
    assert!(outcomes.iter().all(|outcome| !outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(8));
    ending()
}

pub async fn the_answer_to_a_commit_is_lost(stage: &mut Stage) -> Vec<Booked> {
    let group = fund(stage).await;
    let (proxy, first) = stage.writer_behind_a_relay("first").await;
    let second = stage.writer("second").await;
    let gate = stage.close("first COMMIT").await;
    let ghost = first.commits(&group).await;
    stage.until_waits(&ghost, gate.pid, "COMMIT").await;
    assert!(proxy.cut() > 0);
    let pid = ghost.pid;
    assert!(is_commit(&ghost.error().await), "it cannot know");
    let retry = first.commits(&group).await;
    stage.until_waits(&retry, pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    let outcomes = retry.outcomes().await;
    assert!(outcomes.iter().all(|outcome| outcome.replayed));
    assert_eq!(outcomes[1].balance, Some(13));
    assert_eq!(again(&second, &other()).await[0].balance, Some(8));
    ending()
}

pub async fn the_database_gives_up_in_the_middle(stage: &mut Stage) -> Vec<Booked> {
    let group = fund(stage).await;
    let before = stage.ledger.fingerprint().await;
    let (first, second) = stage.writers().await;
    // Serialisation, deadlock, a full disk, a standby after a failover, an operator who shuts down.
    for sqlstate in ["40001", "40P01", "53100", "25006", "57P01"] {
        stage.error("first BEFORE UPDATE credits_batch", sqlstate).await;
        let error = first.commits(&group).await.error().await;
        assert_eq!(code(&error), sqlstate);
        assert_eq!(stage.ledger.fingerprint().await, before);
        stage.mend().await;
    }
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    stage.error("first BEFORE UPDATE credits_batch", "40P01").await;
    let one = first.commits(&group).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let two = second.commits(&other()).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    one.error().await;
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    stage.mend().await;
    assert_eq!(again(&first, &group).await[1].balance, Some(8));
    ending()
}

pub async fn a_statement_takes_too_long_in_the_middle(stage: &mut Stage) -> Vec<Booked> {
    let group = fund(stage).await;
    let hasty = StoreOptions {
        statement_timeout: Duration::from_millis(500),
        ..StoreOptions::default()
    };
    let url = stage.ledger.database.url();
    let first = stage.writer_with("first", url, hasty).await;
    let second = stage.writer("second").await;
    let gate = stage.close("first BEFORE UPDATE credits_batch").await;
    let before = stage.ledger.fingerprint().await;
    let error = first.commits(&group).await.error().await;
    assert_eq!(code(&error), "57014");
    assert_eq!(stage.ledger.fingerprint().await, before);
    gate.let_go().await;
    let gate = stage.close("second BEFORE UPDATE credits_balance").await;
    let two = second.commits(&other()).await;
    stage
        .until_waits(&two, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let error = first.commits(&group).await.error().await;
    assert_eq!(code(&error), "57014", "while it waited for the wallet");
    gate.let_go().await;
    assert_eq!(two.outcomes().await[0].balance, Some(15));
    assert_eq!(again(&first, &group).await[1].balance, Some(8));
    ending()
}
