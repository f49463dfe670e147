//! The session or the response of a group that was decided without a lock is lost.

use scrip::store::sql;
use testkit::ledger::{buy_credits, consume};

use super::{
    super::{
        ending::{Booked, booked},
        fixture::Fixture,
    },
    BEFORE_COMMIT, Group, balance, both_cache_the_wallet, last_balance, single, with_another,
};

pub async fn the_session_ends_with_an_optimistic_group(fixture: &mut Fixture) -> Vec<Booked> {
    the_session_ends(fixture, BEFORE_COMMIT, single).await
}

pub async fn the_session_ends_with_a_larger_optimistic_group(fixture: &mut Fixture) -> Vec<Booked> {
    the_session_ends(fixture, BEFORE_COMMIT, with_another).await
}

pub async fn the_session_ends_in_an_optimistic_commit(fixture: &mut Fixture) -> Vec<Booked> {
    the_session_ends(fixture, "first COMMIT", with_another).await
}

async fn the_session_ends(
    fixture: &mut Fixture,
    breakpoint: &str,
    of: fn(&str, i64) -> Group,
) -> Vec<Booked> {
    let (first, second, mut expected) = both_cache_the_wallet(fixture).await;
    let group = of("c1", 3);
    let gate = fixture.block_at(breakpoint).await;
    let one = first.commits_optimistically(&group.commands).await;
    fixture.until_waits(&one, gate.pid, group.statement).await;
    fixture.terminate(one.pid).await;
    one.error().await;
    gate.release().await;
    assert_eq!(balance(&second, consume("c2", "ada", 4)).await, Some(6));
    let again = first.commits_optimistically(&group.commands).await;
    assert_eq!(last_balance(&again.outcomes().await), Some(6 - group.spent));
    expected.push(booked("ada", "c2", -4));
    expected.extend(group.booked);
    expected
}

pub async fn the_response_to_an_optimistic_commit_is_lost(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(buy_credits("p1", "ada", 10)).await;
    let (proxy, first) = fixture.writer_behind_a_relay("first").await;
    assert_eq!(balance(&first, consume("c1", "ada", 1)).await, Some(9));
    let gate = fixture.block_at("first COMMIT").await;
    let group = [consume("c2", "ada", 2), consume("c3", "ada", 3)];
    let ghost = first.commits_optimistically(&group).await;
    fixture
        .until_waits(&ghost, gate.pid, sql::WRITE_GROUP)
        .await;
    assert!(proxy.cut() > 0);
    let pid = ghost.pid;
    ghost.error().await;
    let retry = first.commits_optimistically(&group).await;
    fixture.until_waits(&retry, pid, sql::WRITE_GROUP).await;
    gate.release().await;
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
