//! The rows of wallets: the order of their locks, their creation, and the check of their versions.

use ledger::{Decision, Refusal};
use scrip::store::sql;
use testkit::ledger::{buy_credits, buy_package, consume, promote};

use super::{
    ending::{Booked, booked, refused},
    fixture::Fixture,
};

pub async fn two_wallets_in_opposite_order(fixture: &mut Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    let (first, second) = fixture.writers().await;
    let rows = fixture
        .hold("SELECT 1 FROM credits_balance WHERE user_id IN ('ada', 'bob') FOR UPDATE")
        .await;
    let group = [consume("c1", "ada", 1), consume("c2", "bob", 1)];
    let one = first.commits_pessimistically(&group).await;
    fixture
        .until_waits(&one, rows.pid, sql::LOCK_WALLETS.postgres)
        .await;
    // If the statement locked the wallet of `bob` first, it would wait for the test, and at the end
    // there would be a deadlock.
    let group = [consume("c3", "bob", 2), consume("c4", "ada", 2)];
    let two = second.commits_pessimistically(&group).await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    rows.release().await;
    assert_eq!(one.outcomes().await[1].balance, Some(9));
    assert_eq!(two.outcomes().await[1].balance, Some(7));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("ada", "c1", -1),
        booked("bob", "c2", -1),
        booked("bob", "c3", -2),
        booked("ada", "c4", -2),
    ]
}

pub async fn both_open_one_wallet(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AFTER INSERT credits_balance").await;
    let one = first
        .commits_pessimistically(&[promote("g1", "zoe", 5, None)])
        .await;
    fixture
        .until_waits(&one, gate.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    let two = second
        .commits_pessimistically(&[promote("g2", "zoe", 7, None)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(5));
    assert_eq!(two.outcomes().await[0].balance, Some(12));
    vec![booked("zoe", "g1", 5), booked("zoe", "g2", 7)]
}

pub async fn one_writer_opens_a_wallet_that_the_other_drops(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AFTER DELETE credits_balance").await;
    let one = first
        .commits_pessimistically(&[buy_package("p1", "zoe", "unheard of")])
        .await;
    fixture
        .until_waits(&one, gate.pid, sql::DROP_UNOPENED.postgres)
        .await;
    let two = second
        .commits_pessimistically(&[promote("g1", "zoe", 7, None)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.release().await;
    let unknown = Decision::Unapplied(Refusal::UnknownPackage.into());
    assert_eq!(one.decisions().await, [unknown]);
    assert_eq!(two.outcomes().await[0].balance, Some(7));
    vec![booked("zoe", "g1", 7)]
}

pub async fn one_writer_opens_a_wallet_that_the_other_spends_from(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let one = first
        .commits_pessimistically(&[promote("g1", "zoe", 5, None)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let early = second
        .commits_pessimistically(&[consume("c1", "zoe", 1)])
        .await
        .outcomes()
        .await;
    let code = early[0].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::WalletNotFound));
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(5));
    let late = second
        .commits_pessimistically(&[consume("c2", "zoe", 1)])
        .await
        .outcomes()
        .await;
    assert_eq!(late[0].balance, Some(4));
    vec![
        booked("zoe", "g1", 5),
        refused("zoe", "c1"),
        booked("zoe", "c2", -1),
    ]
}

pub async fn a_wallet_changes_under_its_lock(fixture: &mut Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    let before = fixture.ledger.fingerprint().await;
    let first = fixture.writer("first").await;
    // No other session can change the locked row. So the store itself sets a version that differs
    // from the one it has read. The injected statement would otherwise reach the breakpoint again.
    fixture
        .inject(
            "first BEFORE UPDATE credits_balance",
            "DELETE FROM test_injection;
             UPDATE credits_balance SET version = version + 1 WHERE user_id = 'bob'",
        )
        .await;
    let group = [consume("c1", "ada", 1), consume("c2", "bob", 1)];
    let error = first.commits_pessimistically(&group).await.error().await;
    // The row was changed by an operation that the statement itself triggered.
    assert_eq!(error.code().as_deref(), Some("27000"), "{error:?}");
    assert_eq!(
        fixture.ledger.fingerprint().await,
        before,
        "the group has no partial effect"
    );
    fixture.clear_injections().await;
    let outcomes = first.commits_pessimistically(&group).await.outcomes().await;
    assert!(outcomes.iter().all(|outcome| outcome.balance == Some(9)));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("ada", "c1", -1),
        booked("bob", "c2", -1),
    ]
}
