//! The rows of wallets: in which order they are locked, who makes them, and what guards them besides the lock.

use ledger::{Decision, Refusal};
use scrip::store::{StoreError, sql};
use tests::ledger::{buy_credits, buy_package, consume, promote};

use super::{
    ending::{Booked, booked, refused},
    stage::Stage,
};

pub async fn two_wallets_in_opposite_order(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    let (first, second) = stage.writers().await;
    let rows = stage
        .hold("SELECT 1 FROM credits_balance WHERE user_id IN ('ada', 'bob') FOR UPDATE")
        .await;
    let group = [consume("c1", "ada", 1), consume("c2", "bob", 1)];
    let one = first.commits(&group).await;
    stage
        .until_waits(&one, rows.pid, sql::LOCK_WALLETS.postgres)
        .await;
    // Had it asked for bob first, it would wait for the test, and in the end each store would hold what the other wants.
    let group = [consume("c3", "bob", 2), consume("c4", "ada", 2)];
    let two = second.commits(&group).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    rows.let_go().await;
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

pub async fn both_open_one_wallet(stage: &mut Stage) -> Vec<Booked> {
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_balance").await;
    let one = first.commits(&[promote("g1", "zoe", 5, None)]).await;
    stage
        .until_waits(&one, gate.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    let two = second.commits(&[promote("g2", "zoe", 7, None)]).await;
    stage
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(5));
    assert_eq!(two.outcomes().await[0].balance, Some(12));
    vec![booked("zoe", "g1", 5), booked("zoe", "g2", 7)]
}

pub async fn one_opens_a_wallet_that_the_other_drops(stage: &mut Stage) -> Vec<Booked> {
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER DELETE credits_balance").await;
    let one = first.commits(&[buy_package("p1", "zoe", "unheard of")]).await;
    stage
        .until_waits(&one, gate.pid, sql::DROP_UNOPENED.postgres)
        .await;
    let two = second.commits(&[promote("g1", "zoe", 7, None)]).await;
    stage
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.let_go().await;
    let unknown = Decision::Unapplied(Refusal::UnknownPackage.into());
    assert_eq!(one.decisions().await, [unknown]);
    assert_eq!(two.outcomes().await[0].balance, Some(7));
    vec![booked("zoe", "g1", 7)]
}

pub async fn one_opens_a_wallet_that_the_other_spends_from(stage: &mut Stage) -> Vec<Booked> {
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let one = first.commits(&[promote("g1", "zoe", 5, None)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let early = second.commits(&[consume("c1", "zoe", 1)]).await.outcomes().await;
    let code = early[0].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::WalletNotFound));
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(5));
    let late = second.commits(&[consume("c2", "zoe", 1)]).await.outcomes().await;
    assert_eq!(late[0].balance, Some(4));
    vec![
        booked("zoe", "g1", 5),
        refused("zoe", "c1"),
        booked("zoe", "c2", -1),
    ]
}

pub async fn a_wallet_changes_under_its_lock(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    let before = stage.ledger.fingerprint().await;
    let first = stage.writer("first").await;
    // Nobody else can, so the store does it to itself: another version than it has read.
    stage
        .mischief(
            "first BEFORE INSERT credits_transaction",
            "UPDATE credits_balance SET version = version + 1 WHERE user_id = 'bob'",
        )
        .await;
    let group = [consume("c1", "ada", 1), consume("c2", "bob", 1)];
    let error = first.commits(&group).await.error().await;
    let StoreError::LostLock { expected, updated } = error else {
        panic!("{error:?}")
    };
    assert_eq!((expected, updated), (2, 1));
    assert_eq!(
        stage.ledger.fingerprint().await,
        before,
        "nothing is half written"
    );
    stage.mend().await;
    let outcomes = first.commits(&group).await.outcomes().await;
    assert!(outcomes.iter().all(|outcome| outcome.balance == Some(9)));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("ada", "c1", -1),
        booked("bob", "c2", -1),
    ]
}
