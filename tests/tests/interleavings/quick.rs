//! Groups that are decided without a lock, from wallets as a store has kept or read them.

use ledger::{Command, Outcome, Refusal};
use scrip::store::sql;
use tests::ledger::{buy_credits, consume};

use super::{
    ending::{Booked, booked, refused},
    session::Writer,
    stage::Stage,
};

/// Where all rows of a quick group are written, and it is not committed.
const BEFORE_COMMIT: &str = "first AFTER INSERT credits_allocation";

/// Two stores that both keep ada's wallet with its ten credits, and what is booked so far.
async fn both_know(stage: &Stage) -> (Writer, Writer, Vec<Booked>) {
    stage.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (first, second) = stage.writers().await;
    for (writer, reference) in [(&first, "too-much-1"), (&second, "too-much-2")] {
        let outcomes = writer
            .commits_quickly(&[consume(reference, "ada", 99)])
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

/// Commands of ada's that spend credits, and how they are written.
struct Group {
    commands: Vec<Command>,
    statement: &'static str,
    spent: i64,
    booked: Vec<Booked>,
}

/// A command by itself.
fn alone(reference: &str, amount: i64) -> Group {
    Group {
        commands: vec![consume(reference, "ada", amount)],
        statement: sql::WRITE_SPENDING,
        spent: amount,
        booked: vec![booked("ada", reference, -amount)],
    }
}

/// The same and another one, for one credit.
fn in_company(reference: &str, amount: i64) -> Group {
    let (another, mut group) = (format!("{reference}-too"), alone(reference, amount));
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
    let outcomes = writer.commits_quickly(&[command]).await.outcomes().await;
    assert_eq!(outcomes[0].refused, None);
    outcomes[0].balance
}

pub async fn a_kept_wallet_was_written_by_the_other(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    assert_eq!(balance(&second, consume("c1", "ada", 3)).await, Some(7));
    assert_eq!(balance(&first, consume("c2", "ada", 4)).await, Some(3));
    assert_eq!(
        stage.tries("first").await,
        2,
        "it was noticed before a row was inserted"
    );
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -4)]);
    expected
}

pub async fn both_write_a_kept_wallet(stage: &mut Stage) -> Vec<Booked> {
    both_write(stage, alone).await
}

pub async fn both_write_a_kept_wallet_in_larger_groups(stage: &mut Stage) -> Vec<Booked> {
    both_write(stage, in_company).await
}

async fn both_write(stage: &mut Stage, of: fn(&str, i64) -> Group) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let (ones, twos) = (of("c1", 3), of("c2", 4));
    let gate = stage.close("first AFTER UPDATE credits_balance").await;
    let one = first.commits_quickly(&ones.commands).await;
    stage.until_waits(&one, gate.pid, ones.statement).await;
    let two = second.commits_quickly(&twos.commands).await;
    stage.until_waits(&two, one.pid, twos.statement).await;
    gate.let_go().await;
    assert_eq!(last_balance(&one.outcomes().await), Some(10 - ones.spent));
    assert_eq!(
        last_balance(&two.outcomes().await),
        Some(10 - ones.spent - twos.spent)
    );
    expected.extend(ones.booked);
    expected.extend(twos.booked);
    expected
}

pub async fn a_refusal_from_a_kept_wallet_that_was_filled_since(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    assert_eq!(balance(&second, buy_credits("p2", "ada", 50)).await, Some(60));
    assert_eq!(balance(&first, consume("c1", "ada", 40)).await, Some(20));
    expected.extend([booked("ada", "p2", 50), booked("ada", "c1", -40)]);
    expected
}

pub async fn a_refusal_while_the_wallet_is_being_filled(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits_quickly(&[buy_credits("p2", "ada", 50)]).await;
    stage.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let two = second.commits_quickly(&[consume("c1", "ada", 40)]).await;
    stage.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(60));
    assert_eq!(two.outcomes().await[0].balance, Some(20));
    expected.extend([booked("ada", "p2", 50), booked("ada", "c1", -40)]);
    expected
}

pub async fn a_refusal_that_came_before_the_wallet_is_filled(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let gate = stage.close("second AFTER INSERT credits_transaction").await;
    let two = second.commits_quickly(&[consume("c1", "ada", 40)]).await;
    stage.until_waits(&two, gate.pid, sql::WRITE_GROUP).await;
    let one = first.commits_quickly(&[buy_credits("p2", "ada", 50)]).await;
    stage.until_waits(&one, two.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
    assert_eq!(two.outcomes().await[0].balance, Some(10));
    assert_eq!(one.outcomes().await[0].balance, Some(60));
    expected.extend([booked("ada", "p2", 50), refused("ada", "c1")]);
    expected
}

pub async fn a_refusal_for_one_wallet_beside_a_change_of_another(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    let first = stage.writer("first").await;
    let row = |user| format!("SELECT 1 FROM credits_balance WHERE user_id = '{user}' FOR UPDATE");
    let held = stage.hold(&row("ada")).await;
    let group = [consume("c1", "bob", 4), consume("c2", "ada", 99)];
    let one = first.commits_quickly(&group).await;
    stage.until_waits(&one, held.pid, sql::WRITE_GROUP).await;
    // Had it begun with the one that changes, each would hold what the other wants.
    held.execute(&row("bob")).await;
    held.let_go().await;
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

pub async fn a_wallet_is_written_while_it_waits_to_be_read(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(buy_credits("p1", "ada", 10)).await;
    let first = stage.writer("first").await;
    let held = stage
        .hold("LOCK TABLE credits_batch IN ACCESS EXCLUSIVE MODE")
        .await;
    let one = first.commits_quickly(&[consume("c1", "ada", 3)]).await;
    stage.until_waits(&one, held.pid, sql::READ_WALLETS).await;
    let ledger = &stage.ledger;
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

pub async fn one_reference_quickly_for_a_kept_wallet(stage: &mut Stage) -> Vec<Booked> {
    one_reference(stage, alone).await
}

pub async fn one_reference_quickly_in_larger_groups(stage: &mut Stage) -> Vec<Booked> {
    one_reference(stage, in_company).await
}

async fn one_reference(stage: &mut Stage, of: fn(&str, i64) -> Group) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let group = of("c1", 3);
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits_quickly(&group.commands).await;
    stage.until_waits(&one, gate.pid, group.statement).await;
    let two = second.commits_quickly(&group.commands).await;
    stage.until_waits(&two, one.pid, group.statement).await;
    gate.let_go().await;
    for (one, two) in one.outcomes().await.iter().zip(two.outcomes().await) {
        assert!(two.replayed && !one.replayed);
        assert_eq!(two.transactions, one.transactions);
    }
    expected.extend(group.booked);
    expected
}

pub async fn one_reference_quickly_for_two_wallets(stage: &mut Stage) -> Vec<Booked> {
    let fund = [buy_credits("p1", "ada", 10), buy_credits("p2", "bob", 10)];
    stage.ledger.settle(&fund).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let one = first.commits_quickly(&[consume("c1", "ada", 3)]).await;
    stage.until_waits(&one, gate.pid, sql::WRITE_SPENDING).await;
    let group = [consume("c1", "bob", 4), consume("c2", "bob", 1)];
    let two = second.commits_quickly(&group).await;
    stage.until_waits(&two, one.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
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

pub async fn a_careful_writer_waits_for_a_quick_one(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let group = [consume("c1", "ada", 3), consume("c2", "ada", 1)];
    let quick = first.commits_quickly(&group).await;
    stage.until_waits(&quick, gate.pid, sql::WRITE_GROUP).await;
    let careful = second.commits(&group).await;
    stage
        .until_waits(&careful, quick.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.let_go().await;
    assert_eq!(quick.outcomes().await[1].balance, Some(6));
    assert!(careful.outcomes().await.iter().all(|outcome| outcome.replayed));
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -1)]);
    expected
}

pub async fn a_quick_writer_waits_for_a_careful_one(stage: &mut Stage) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let gate = stage.close("first BEFORE INSERT credits_transaction").await;
    let group = [consume("c1", "ada", 3), consume("c2", "ada", 1)];
    let careful = first.commits(&group).await;
    stage
        .until_waits(&careful, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    // Had it begun with its references, each would hold what the other wants.
    let quick = second.commits_quickly(&group).await;
    stage.until_waits(&quick, careful.pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
    assert_eq!(careful.outcomes().await[1].balance, Some(6));
    assert!(quick.outcomes().await.iter().all(|outcome| outcome.replayed));
    expected.extend([booked("ada", "c1", -3), booked("ada", "c2", -1)]);
    expected
}

pub async fn the_session_dies_with_a_quick_group(stage: &mut Stage) -> Vec<Booked> {
    the_session_dies(stage, BEFORE_COMMIT, alone).await
}

pub async fn the_session_dies_with_a_larger_quick_group(stage: &mut Stage) -> Vec<Booked> {
    the_session_dies(stage, BEFORE_COMMIT, in_company).await
}

pub async fn the_session_dies_in_a_quick_commit(stage: &mut Stage) -> Vec<Booked> {
    the_session_dies(stage, "first COMMIT", in_company).await
}

async fn the_session_dies(stage: &mut Stage, place: &str, of: fn(&str, i64) -> Group) -> Vec<Booked> {
    let (first, second, mut expected) = both_know(stage).await;
    let group = of("c1", 3);
    let gate = stage.close(place).await;
    let one = first.commits_quickly(&group.commands).await;
    stage.until_waits(&one, gate.pid, group.statement).await;
    stage.terminate(one.pid).await;
    one.error().await;
    gate.let_go().await;
    assert_eq!(balance(&second, consume("c2", "ada", 4)).await, Some(6));
    let again = first.commits_quickly(&group.commands).await;
    assert_eq!(last_balance(&again.outcomes().await), Some(6 - group.spent));
    expected.push(booked("ada", "c2", -4));
    expected.extend(group.booked);
    expected
}

pub async fn the_answer_to_a_quick_commit_is_lost(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (proxy, first) = stage.writer_behind_a_relay("first").await;
    assert_eq!(balance(&first, consume("c1", "ada", 1)).await, Some(9));
    let gate = stage.close("first COMMIT").await;
    let group = [consume("c2", "ada", 2), consume("c3", "ada", 3)];
    let ghost = first.commits_quickly(&group).await;
    stage.until_waits(&ghost, gate.pid, sql::WRITE_GROUP).await;
    assert!(proxy.cut() > 0);
    let pid = ghost.pid;
    ghost.error().await;
    let retry = first.commits_quickly(&group).await;
    stage.until_waits(&retry, pid, sql::WRITE_GROUP).await;
    gate.let_go().await;
    let outcomes = retry.outcomes().await;
    assert!(outcomes.iter().all(|outcome| outcome.replayed));
    assert_eq!(balance(&first, consume("c4", "ada", 1)).await, Some(3));
    vec![
        booked("ada", "p1", 10),
        booked("ada", "c1", -1),
        booked("ada", "c2", -2),
        booked("ada", "c3", -3),
        booked("ada", "c4", -1),
    ]
}
