//! Batches that one group has just spent from and the other is about to.

use chrono::TimeDelta;
use ledger::Refusal;
use scrip::store::sql;
use tests::ledger::{buy_credits, consume, expire, late, promote};

use super::{
    ending::{Booked, booked, refused},
    session::Writer,
    stage::Stage,
};

pub async fn batches_that_were_spent_from_meanwhile(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "ada", 10)];
    stage.ledger.settle(&fund).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let one = first.commits(&[consume("c1", "ada", 15)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let two = second.commits(&[consume("c2", "ada", 4)]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(5));
    let outcome = two.outcomes().await.remove(0);
    let taken: Vec<_> = outcome
        .allocations
        .iter()
        .map(|part| (part.amount, part.batch_remaining))
        .collect();
    assert_eq!((outcome.balance, taken), (Some(1), vec![(-4, 1)]));
    vec![
        booked("ada", "p1", 10),
        booked("ada", "p2", 10),
        booked("ada", "c1", -15),
        booked("ada", "c2", -4),
    ]
}

pub async fn more_batches_than_are_read_at_first(stage: &mut Stage) -> Vec<Booked> {
    let gift = |day: i64| promote(&format!("g{day}"), "ada", 1, Some(day));
    let gifts: Vec<_> = (1..=45).map(gift).collect();
    stage.ledger.settle(&gifts).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let one = first.commits(&[consume("c1", "ada", 20)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let two = second
        .commits(&[consume("c2", "ada", 20), consume("c3", "ada", 6)])
        .await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    let (one, two) = (one.outcomes().await, two.outcomes().await);
    assert_eq!((one[0].allocations.len(), two[0].allocations.len()), (20, 20));
    let twice = |part: &ledger::Allocation| {
        one[0]
            .allocations
            .iter()
            .any(|other| other.batch_id == part.batch_id)
    };
    assert!(!two[0].allocations.iter().any(twice), "a batch is spent twice");
    let code = two[1].refused.as_ref().map(|refused| refused.code);
    assert_eq!(
        (two[0].balance, code),
        (Some(5), Some(Refusal::InsufficientCredits))
    );
    let mut expected: Vec<_> = (1..=45).map(|day| booked("ada", &format!("g{day}"), 1)).collect();
    expected.extend([
        booked("ada", "c1", -20),
        booked("ada", "c2", -20),
        refused("ada", "c3"),
    ]);
    expected
}

/// Credits that lapse in a day and others that do not; a writer by whose clock an event of before that may still come,
/// and one by whose clock it is too late.
async fn about_to_be_swept(stage: &Stage) -> (Writer, Writer) {
    let fund = [promote("g1", "ada", 10, Some(1)), buy_credits("p1", "ada", 5)];
    stage.ledger.settle(&fund).await;
    let (mut first, mut second) = stage.writers().await;
    first.now += TimeDelta::hours(47);
    second.now += TimeDelta::hours(49);
    (first, second)
}

pub async fn a_sweep_waits_for_a_late_consumption(stage: &mut Stage) -> Vec<Booked> {
    let (spender, sweeper) = about_to_be_swept(stage).await;
    let gate = stage.close("first BEFORE UPDATE credits_balance").await;
    let event = late(consume("c1", "ada", 4), spender.now, TimeDelta::hours(24));
    let one = spender.commits(&[event]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let two = sweeper.commits(&[expire("ada", sweeper.now)]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(11));
    assert_eq!(two.outcomes().await[0].amount, -6, "what is left");
    vec![
        booked("ada", "g1", 10),
        booked("ada", "p1", 5),
        booked("ada", "c1", -4),
        booked("ada", "expire:1", -6),
    ]
}

pub async fn a_late_consumption_waits_for_a_sweep(stage: &mut Stage) -> Vec<Booked> {
    let (spender, sweeper) = about_to_be_swept(stage).await;
    let gate = stage.close("second BEFORE UPDATE credits_balance").await;
    let one = sweeper.commits(&[expire("ada", sweeper.now)]).await;
    stage
        .until_waits(&one, gate.pid, sql::UPDATE_WALLETS.postgres)
        .await;
    let event = |reference, amount| {
        late(
            consume(reference, "ada", amount),
            spender.now,
            TimeDelta::hours(24),
        )
    };
    let two = spender.commits(&[event("c1", 6), event("c2", 5)]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, -10);
    let outcomes = two.outcomes().await;
    let code = outcomes[0].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::InsufficientCredits));
    assert_eq!(outcomes[1].balance, Some(0));
    vec![
        booked("ada", "g1", 10),
        booked("ada", "p1", 5),
        booked("ada", "expire:1", -10),
        refused("ada", "c1"),
        booked("ada", "c2", -5),
    ]
}

pub async fn two_sweeps_of_one_wallet(stage: &mut Stage) -> Vec<Booked> {
    let (mut first, second) = about_to_be_swept(stage).await;
    first.now = second.now;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits(&[expire("ada", first.now)]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let two = second.commits(&[expire("ada", second.now)]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, -10);
    assert_eq!(two.outcomes().await[0].amount, 0);
    assert_eq!(stage.tries("second").await, 0, "nothing was left to sweep");
    vec![
        booked("ada", "g1", 10),
        booked("ada", "p1", 5),
        booked("ada", "expire:1", -10),
    ]
}
