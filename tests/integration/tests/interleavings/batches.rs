//! Batches from which one group has just spent and another group is about to spend.

use chrono::TimeDelta;
use ledger::Refusal;
use scrip::store::sql;
use testkit::ledger::{buy_credits, consume, expire, late, promote};

use super::{
    ending::{Booked, booked, refused},
    fixture::Fixture,
    session::Writer,
};

pub async fn batches_that_were_spent_in_the_meantime(fixture: &mut Fixture) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "ada", 10)];
    fixture.ledger.settle(&fund).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let one = first
        .commits_pessimistically(&[consume("c1", "ada", 15)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[consume("c2", "ada", 4)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
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

pub async fn more_batches_than_the_first_read_returns(fixture: &mut Fixture) -> Vec<Booked> {
    let gift = |day: i64| promote(&format!("g{day}"), "ada", 1, Some(day));
    let gifts: Vec<_> = (1..=45).map(gift).collect();
    fixture.ledger.settle(&gifts).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let one = first
        .commits_pessimistically(&[consume("c1", "ada", 20)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[consume("c2", "ada", 20), consume("c3", "ada", 6)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    let (one, two) = (one.outcomes().await, two.outcomes().await);
    assert_eq!(
        (one[0].allocations.len(), two[0].allocations.len()),
        (20, 20)
    );
    let twice = |part: &ledger::Allocation| {
        one[0]
            .allocations
            .iter()
            .any(|other| other.batch_id == part.batch_id)
    };
    assert!(
        !two[0].allocations.iter().any(twice),
        "a batch is spent twice"
    );
    let code = two[1].refused.as_ref().map(|refused| refused.code);
    assert_eq!(
        (two[0].balance, code),
        (Some(5), Some(Refusal::InsufficientCredits))
    );
    let mut expected: Vec<_> = (1..=45)
        .map(|day| booked("ada", &format!("g{day}"), 1))
        .collect();
    expected.extend([
        booked("ada", "c1", -20),
        booked("ada", "c2", -20),
        refused("ada", "c3"),
    ]);
    expected
}

/// Credits that expire in a day, and others that do not expire. By the clock of the first writer an
/// event from before the expiry may still come. By the clock of the second writer it is too late.
async fn about_to_expire(fixture: &Fixture) -> (Writer, Writer) {
    let fund = [
        promote("g1", "ada", 10, Some(1)),
        buy_credits("p1", "ada", 5),
    ];
    fixture.ledger.settle(&fund).await;
    let (mut first, mut second) = fixture.writers().await;
    first.now += TimeDelta::hours(47);
    second.now += TimeDelta::hours(49);
    (first, second)
}

pub async fn an_expiry_waits_for_a_late_consumption(fixture: &mut Fixture) -> Vec<Booked> {
    let (spender, expirer) = about_to_expire(fixture).await;
    let gate = fixture
        .block_at("first BEFORE UPDATE credits_balance")
        .await;
    let event = late(consume("c1", "ada", 4), spender.now, TimeDelta::hours(24));
    let one = spender.commits_pessimistically(&[event]).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = expirer
        .commits_pessimistically(&[expire("ada", expirer.now)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(11));
    assert_eq!(two.outcomes().await[0].amount, -6, "the rest");
    vec![
        booked("ada", "g1", 10),
        booked("ada", "p1", 5),
        booked("ada", "c1", -4),
        booked("ada", "expire:1", -6),
    ]
}

pub async fn a_late_consumption_waits_for_an_expiry(fixture: &mut Fixture) -> Vec<Booked> {
    let (spender, expirer) = about_to_expire(fixture).await;
    let gate = fixture
        .block_at("second BEFORE UPDATE credits_balance")
        .await;
    let one = expirer
        .commits_pessimistically(&[expire("ada", expirer.now)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let event = |reference, amount| {
        late(
            consume(reference, "ada", amount),
            spender.now,
            TimeDelta::hours(24),
        )
    };
    let two = spender
        .commits_pessimistically(&[event("c1", 6), event("c2", 5)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
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

pub async fn two_expiries_of_one_wallet(fixture: &mut Fixture) -> Vec<Booked> {
    let (mut first, second) = about_to_expire(fixture).await;
    first.now = second.now;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first
        .commits_pessimistically(&[expire("ada", first.now)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_pessimistically(&[expire("ada", second.now)])
        .await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, -10);
    assert_eq!(two.outcomes().await[0].amount, 0);
    assert_eq!(
        fixture.tries("second").await,
        0,
        "no expired credits were left"
    );
    vec![
        booked("ada", "g1", 10),
        booked("ada", "p1", 5),
        booked("ada", "expire:1", -10),
    ]
}
