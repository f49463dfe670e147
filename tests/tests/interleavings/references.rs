//! The same reference in two groups at once.

use ledger::Refusal;
use scrip::store::sql;
use tests::ledger::{buy_credits, consume};

use super::{
    ending::{Booked, booked},
    stage::Stage,
};

fn code(outcome: &ledger::Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

/// Ten credits for ada and for bob.
async fn fund(stage: &Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    vec![booked("ada", "p1", 10), booked("bob", "p2", 10)]
}

pub async fn one_reference_for_two_wallets_and_the_first_commits(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits(&[consume("c1", "ada", 3)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let group = [consume("c1", "bob", 4), consume("c2", "bob", 1)];
    let two = second.commits(&group).await;
    stage
        .until_waits(&two, one.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, -3);
    let outcomes = two.outcomes().await;
    assert_eq!(code(&outcomes[0]), Some(Refusal::ReferenceConflict));
    assert_eq!(outcomes[1].balance, Some(9));
    assert_eq!(stage.tries("second").await, 2, "it was decided again");
    expected.extend([booked("ada", "c1", -3), booked("bob", "c2", -1)]);
    expected
}

pub async fn one_reference_for_two_wallets_and_the_first_rolls_back(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits(&[consume("c1", "ada", 3)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let two = second.commits(&[consume("c1", "bob", 4)]).await;
    stage
        .until_waits(&two, one.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    stage.terminate(one.pid).await;
    one.error().await;
    assert_eq!(two.outcomes().await[0].amount, -4);
    assert_eq!(
        stage.tries("second").await,
        1,
        "there was nothing to decide again"
    );
    gate.let_go().await;
    let again = first.commits(&[consume("c1", "ada", 3)]).await.outcomes().await;
    assert_eq!(code(&again[0]), Some(Refusal::ReferenceConflict));
    expected.push(booked("bob", "c1", -4));
    expected
}

pub async fn one_reference_for_one_wallet(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let one = first.commits(&[consume("c1", "ada", 3)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let two = second.commits(&[consume("c1", "ada", 3)]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    let (one, two) = (one.outcomes().await, two.outcomes().await);
    assert!(two[0].replayed);
    assert_eq!(two[0].transactions, one[0].transactions);
    assert_eq!(two[0].allocations, one[0].allocations);
    assert_eq!(
        stage.tries("second").await,
        0,
        "it knew before it had decided anything"
    );
    expected.push(booked("ada", "c1", -3));
    expected
}

pub async fn two_references_in_opposite_order(stage: &mut Stage) -> Vec<Booked> {
    let mut expected = fund(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AT r2").await;
    let group = [consume("r1", "ada", 1), consume("r2", "ada", 2)];
    let one = first.commits(&group).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let group = [consume("r2", "bob", 1), consume("r1", "bob", 2)];
    let two = second.commits(&group).await;
    stage
        .until_waits(&two, one.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[1].balance, Some(7));
    for outcome in two.outcomes().await {
        assert_eq!(code(&outcome), Some(Refusal::ReferenceConflict));
    }
    expected.extend([booked("ada", "r1", -1), booked("ada", "r2", -2)]);
    expected
}
