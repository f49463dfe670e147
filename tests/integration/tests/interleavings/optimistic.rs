//! Groups that are decided without a lock, with wallets from the cache or from a read.

mod lost;

use ledger::{Command, Outcome, Refusal};
use scrip::store::sql;
use testkit::ledger::{buy_credits, consume};

pub use lost::{
    the_response_to_an_optimistic_commit_is_lost, the_session_ends_in_an_optimistic_commit,
    the_session_ends_with_a_larger_optimistic_group, the_session_ends_with_an_optimistic_group,
};

use super::{
    ending::{Booked, booked, refused},
    fixture::Fixture,
    session::Writer,
};

/// The breakpoint after all rows of an optimistic group are written and before its commit.
const BEFORE_COMMIT: &str = "first AFTER INSERT credits_allocation";

/// Two stores that both have the wallet of `ada` with ten credits in their cache, and the rows that
/// are booked so far.
async fn both_cache_the_wallet(fixture: &Fixture) -> (Writer, Writer, Vec<Booked>) {
    fixture.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = fixture.writers().await;
    for (writer, reference) in [(&first, "too-much-1"), (&second, "too-much-2")] {
        let outcomes = writer
            .commits_optimistically(&[consume(reference, "ada", 99)])
            .await
            .outcomes()
            .await;
        let code = outcomes[0].refused.as_ref().map(|refused| refused.code);
        assert_eq!(code, Some(Refusal::InsufficientCredits));
    }
    let booked = vec![
        booked("ada", "p1", 10),
        refused("ada", "too-much-1"),
        refused("ada", "too-much-2"),
    ];
    (first, second, booked)
}

/// Commands that spend credits of `ada`, and the statement that writes them.
struct Group {
    commands: Vec<Command>,
    statement: &'static str,
    spent: i64,
    booked: Vec<Booked>,
}

/// A group of one command.
fn single(reference: &str, amount: i64) -> Group {
    Group {
        commands: vec![consume(reference, "ada", amount)],
        statement: sql::WRITE_SINGLE_CONSUME,
        spent: amount,
        booked: vec![booked("ada", reference, -amount)],
    }
}

/// A group of this command and another one that spends one credit.
fn with_another(reference: &str, amount: i64) -> Group {
    let (another, mut group) = (format!("{reference}-too"), single(reference, amount));
    group.commands.push(consume(&another, "ada", 1));
    group.statement = sql::WRITE_GROUP;
    group.spent += 1;
    group.booked.push(booked("ada", &another, -1));
    group
}

fn last_balance(outcomes: &[Outcome]) -> Option<i64> {
    outcomes.last().and_then(|outcome| outcome.balance)
}

async fn balance(writer: &Writer, command: Command) -> Option<i64> {
    let outcomes = writer
        .commits_optimistically(&[command])
        .await
        .outcomes()
        .await;
    assert_eq!(outcomes[0].refused, None);
    outcomes[0].balance
}

pub async fn a_cached_wallet_was_written_by_the_other_store(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    assert_eq!(balance(&second, consume("c1", "ada", 3)).await, Some(7));
    assert_eq!(balance(&first, consume("c2", "ada", 4)).await, Some(3));
    assert_eq!(
        fixture.tries("first").await,
        2,
        "the conflict is detected before a row is inserted"
    );
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -4)]);
    expected
}

pub async fn both_stores_write_a_cached_wallet(fixture: &mut Fixture) -> Vec<Booked> {
    both_write(fixture, single).await
}

pub async fn both_stores_write_a_cached_wallet_in_larger_groups(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    both_write(fixture, with_another).await
}

async fn both_write(fixture: &mut Fixture, of: fn(&str, i64) -> Group) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let (ones, twos) = (of("c1", 3), of("c2", 4));
    let gate = fixture.block_at("first AFTER UPDATE credits_balance").await;
    let one = first.commits_optimistically(&ones.commands).await;
    fixture.until_waits(&one, gate.pid, ones.statement).await;
    let two = second.commits_optimistically(&twos.commands).await;
    fixture.until_waits(&two, one.pid, twos.statement).await;
    gate.release().await;
    assert_eq!(last_balance(&one.outcomes().await), Some(10 - ones.spent));
    assert_eq!(
        last_balance(&two.outcomes().await),
        Some(10 - ones.spent - twos.spent)
    );
    expected.extend(ones.booked);
    expected.extend(twos.booked);
    expected
}

pub async fn a_refusal_from_a_cached_wallet_that_has_got_credits_since(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    assert_eq!(
        balance(&second, buy_credits("p2", "ada", 50)).await,
        Some(60)
    );
    assert_eq!(balance(&first, consume("c1", "ada", 40)).await, Some(20));
    expected.extend([booked("ada", "p2", 50), booked("ada", "c1", -40)]);
    expected
}

pub async fn a_refusal_while_the_wallet_gets_credits(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first
        .commits_optimistically(&[buy_credits("p2", "ada", 50)])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second
        .commits_optimistically(&[consume("c1", "ada", 40)])
        .await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(60));
    assert_eq!(two.outcomes().await[0].balance, Some(20));
    expected.extend([booked("ada", "p2", 50), booked("ada", "c1", -40)]);
    expected
}

pub async fn a_refusal_before_the_wallet_gets_credits(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let gate = fixture
        .block_at("second AFTER INSERT credits_transaction")
        .await;
    let two = second
        .commits_optimistically(&[consume("c1", "ada", 40)])
        .await;
    fixture.until_waits(&two, gate.pid, sql::WRITE_GROUP).await;
    let one = first
        .commits_optimistically(&[buy_credits("p2", "ada", 50)])
        .await;
    fixture.until_waits(&one, two.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(two.outcomes().await[0].balance, Some(10));
    assert_eq!(one.outcomes().await[0].balance, Some(60));
    expected.extend([booked("ada", "p2", 50), refused("ada", "c1")]);
    expected
}

pub async fn a_refusal_for_one_wallet_and_a_change_of_another(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    let first = fixture.writer("first").await;
    let row = |user| format!("SELECT 1 FROM credits_balance WHERE user_id = '{user}' FOR UPDATE");
    let held = fixture.hold(&row("ada")).await;
    let group = [consume("c1", "bob", 4), consume("c2", "ada", 99)];
    let one = first.commits_optimistically(&group).await;
    fixture.until_waits(&one, held.pid, sql::WRITE_GROUP).await;
    // If the statement locked the changed wallet first, there would be a deadlock.
    held.execute(&row("bob")).await;
    held.release().await;
    let outcomes = one.outcomes().await;
    assert_eq!(outcomes[0].balance, Some(6));
    let code = outcomes[1].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::InsufficientCredits));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("bob", "c1", -4),
        refused("ada", "c2"),
    ]
}

pub async fn a_wallet_is_written_while_it_waits_to_be_read(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(buy_credits("p1", "ada", 10)).await;
    let first = fixture.writer("first").await;
    let held = fixture
        .hold("LOCK TABLE credits_batch IN ACCESS EXCLUSIVE MODE")
        .await;
    let one = first
        .commits_optimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture.until_waits(&one, held.pid, sql::READ_WALLETS).await;
    let ledger = &fixture.ledger;
    let spent = ledger
        .store
        .commit_group_in(
            &held.transaction,
            &[consume("c2", "ada", 9)],
            &ledger.rules,
            ledger.now,
        )
        .await;
    assert!(spent.is_ok());
    held.commit().await;
    let outcomes = one.outcomes().await;
    let code = outcomes[0].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::InsufficientCredits));
    assert_eq!(outcomes[0].balance, Some(1));
    vec![
        booked("ada", "p1", 10),
        refused("ada", "c1"),
        booked("ada", "c2", -9),
    ]
}

pub async fn one_reference_on_the_optimistic_path_for_a_cached_wallet(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    one_reference(fixture, single).await
}

pub async fn one_reference_on_the_optimistic_path_in_larger_groups(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    one_reference(fixture, with_another).await
}

async fn one_reference(fixture: &mut Fixture, of: fn(&str, i64) -> Group) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let group = of("c1", 3);
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first.commits_optimistically(&group.commands).await;
    fixture.until_waits(&one, gate.pid, group.statement).await;
    let two = second.commits_optimistically(&group.commands).await;
    fixture.until_waits(&two, one.pid, group.statement).await;
    gate.release().await;
    for (one, two) in one.outcomes().await.iter().zip(two.outcomes().await) {
        assert!(two.replayed && !one.replayed);
        assert_eq!(two.transactions, one.transactions);
    }
    expected.extend(group.booked);
    expected
}

pub async fn one_reference_on_the_optimistic_path_for_two_wallets(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    fixture.ledger.settle(&fund).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let one = first
        .commits_optimistically(&[consume("c1", "ada", 3)])
        .await;
    fixture
        .until_waits(&one, gate.pid, sql::WRITE_SINGLE_CONSUME)
        .await;
    let group = [consume("c1", "bob", 4), consume("c2", "bob", 1)];
    let two = second.commits_optimistically(&group).await;
    fixture.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, -3);
    let outcomes = two.outcomes().await;
    let code = outcomes[0].refused.as_ref().map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::ReferenceConflict));
    assert_eq!(outcomes[1].balance, Some(9));
    vec![
        booked("ada", "p1", 10),
        booked("bob", "p2", 10),
        booked("ada", "c1", -3),
        booked("bob", "c2", -1),
    ]
}

pub async fn a_pessimistic_writer_waits_for_an_optimistic_one(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let group = [consume("c1", "ada", 3), consume("c2", "ada", 1)];
    let optimistic = first.commits_optimistically(&group).await;
    fixture
        .until_waits(&optimistic, gate.pid, sql::WRITE_GROUP)
        .await;
    let pessimistic = second.commits_pessimistically(&group).await;
    fixture
        .until_waits(&pessimistic, optimistic.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(optimistic.outcomes().await[1].balance, Some(6));
    assert!(
        pessimistic
            .outcomes()
            .await
            .iter()
            .all(|outcome| outcome.replayed)
    );
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -1)]);
    expected
}

pub async fn an_optimistic_writer_waits_for_a_pessimistic_one(
    fixture: &mut Fixture,
) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let gate = fixture
        .block_at("first BEFORE INSERT credits_transaction")
        .await;
    let group = [consume("c1", "ada", 3), consume("c2", "ada", 1)];
    let pessimistic = first.commits_pessimistically(&group).await;
    fixture
        .until_waits(&pessimistic, gate.pid, sql::WRITE_GROUP)
        .await;
    // If the statement inserted its references first, there would be a deadlock.
    let optimistic = second.commits_optimistically(&group).await;
    fixture
        .until_waits(&optimistic, pessimistic.pid, sql::WRITE_GROUP)
        .await;
    gate.release().await;
    assert_eq!(pessimistic.outcomes().await[1].balance, Some(6));
    assert!(
        optimistic
            .outcomes()
            .await
            .iter()
            .all(|outcome| outcome.replayed)
    );
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -1)]);
    expected
}
