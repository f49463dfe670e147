//! The same reference in two concurrent groups.

use ledger::Refusal;
use scrip::store::sql;
use testkit::ledger::{buy_credits, consume};

use super::{
    ending::{Booked, booked},
    fixture::Fixture,
};

fn code(outcome: &ledger::Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

/// Gives ten credits to `ada` and to `bob`.
async fn fund(fixture: &Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    vec![booked("ada", "p1", 10), booked("bob", "p2", 10)]
}

/// Conformance: Idempotency: Two concurrent writers with the same reference apply its command once
pub async fn one_reference_for_two_wallets_and_the_first_commits(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first
        .commits_pessimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let group = [consume("c1", "bob", 4), consume("c2", "bob", 1)];
    let two = second.commits_pessimistically(&group).await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, -3);
    let outcomes = two.outcomes().await;
    assert_eq!(code(&outcomes[0]), Some(Refusal::ReferenceConflict));
    assert_eq!(outcomes[1].balance, Some(9));
    assert_eq!(
        fixture.tries("second").await,
        2,
        "the group was decided again"
    );
    expected.extend([booked("ada", "c1", -3), booked("bob", "c2", -1)]);
    expected
}

pub async fn one_reference_for_two_wallets_and_the_first_rolls_back(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first
        .commits_pessimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[consume("c1", "bob", 4)])
        .await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    fixture.terminate(one.pid).await;
    one.error().await;
    assert_eq!(two.outcomes().await[0].amount, -4);
    assert_eq!(
        fixture.tries("second").await,
        1,
        "there was no second decision"
    );
    gate.release().await;
    let again = first
        .commits_pessimistically(&[consume("c1", "ada", 3)])
        .await
        .outcomes()
        .await;
    assert_eq!(code(&again[0]), Some(Refusal::ReferenceConflict));
    expected.push(booked("bob", "c1", -4));
    expected
}

/// Conformance: Idempotency: Two concurrent writers with the same reference apply its command once
pub async fn one_reference_for_one_wallet(fixture: &mut Fixture) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let one = first
        .commits_pessimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    let (one, two) = (one.outcomes().await, two.outcomes().await);
    assert!(two[0].replayed);
    assert_eq!(two[0].transactions, one[0].transactions);
    assert_eq!(two[0].allocations, one[0].allocations);
    assert_eq!(
        fixture.tries("second").await,
        0,
        "the reference was known before the decision"
    );
    expected.push(booked("ada", "c1", -3));
    expected
}

pub async fn two_references_in_opposite_order(fixture: &mut Fixture) -> Vec<Booked> {
    let mut expected = fund(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AT r2").await;
    let group = [consume("r1", "ada", 1), consume("r2", "ada", 2)];
    let one = first.commits_pessimistically(&group).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let group = [consume("r2", "bob", 1), consume("r1", "bob", 2)];
    let two = second.commits_pessimistically(&group).await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[1].balance, Some(7));
    for outcome in two.outcomes().await {
        assert_eq!(code(&outcome), Some(Refusal::ReferenceConflict));
    }
    expected.extend([booked("ada", "r1", -1), booked("ada", "r2", -2)]);
    expected
}
