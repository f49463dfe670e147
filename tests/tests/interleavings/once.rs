//! What may happen once only, whatever its reference: a registration, a period, the owner of a subscription.

use chrono::TimeDelta;
use ledger::{
    Action, Decision, Origin, Refusal,
    SubscriptionStatus::{Active, Paused},
};
use scrip::store::{StoreError, sql};
use tests::ledger::{command, grant_period, promote, register, subscribe};

use super::{
    ending::{Booked, booked, refused},
    stage::Stage,
};

pub async fn two_doors_bring_one_registration(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(promote("g0", "ada", 1, None)).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first BEFORE INSERT credits_batch").await;
    let one = first.commits(&[register("g1", "ada")]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_BATCHES.postgres)
        .await;
    let other_door = command(Origin::Internal, "g1", "ada", Action::RegistrationBonus);
    let two = second.commits(&[other_door]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, 20);
    let code = two.outcomes().await[0]
        .refused
        .as_ref()
        .map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::AlreadyGranted));
    assert_eq!(stage.tries("second").await, 1, "it knew before it decided");
    let free = "SELECT count(*) FROM subscription WHERE id = 'free:ada'";
    assert_eq!(stage.ledger.number(free).await, 1);
    // No worker takes a registration through the other door, so `verify` would find it there.
    let moved =
        "UPDATE credits_transaction SET origin = 'funding', reference_id = 'g2' WHERE origin = 'internal'";
    stage.ledger.database.execute(moved).await;
    vec![
        booked("ada", "g0", 1),
        booked("ada", "g1", 20),
        refused("ada", "g2"),
    ]
}

pub async fn a_registration_past_the_wallets_lock(stage: &mut Stage) -> Vec<Booked> {
    stage.ledger.one(promote("g0", "ada", 1, None)).await;
    let first = stage.writer("first").await;
    let intruder = stage
        .hold(
            "INSERT INTO credits_transaction (id, user_id, type, amount, origin, reference_id, status, balance_after, occurred_at, created_at)
             VALUES (gen_random_uuid(), 'ada', 'registration_bonus', 0, 'internal', 'intruder', 'COMPLETED', 1, now(), now())",
        )
        .await;
    let one = first.commits(&[register("g1", "ada")]).await;
    stage
        .until_waits(&one, intruder.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    intruder.commit().await;
    let code = one.outcomes().await[0]
        .refused
        .as_ref()
        .map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::AlreadyGranted));
    assert_eq!(stage.tries("first").await, 2, "it was decided again");
    // Without the intruder the refusal contradicts the book, which `verify` would find.
    let away = "DELETE FROM credits_transaction WHERE reference_id = 'intruder';
                UPDATE credits_transaction SET error_code = 'max_balance_reached' WHERE reference_id = 'g1'";
    stage.ledger.database.execute(away).await;
    vec![booked("ada", "g0", 1), refused("ada", "g1")]
}

/// A subscription whose second period has just come due, and the reference of that.
async fn due(stage: &mut Stage) -> (Vec<Booked>, String) {
    let start = stage.ledger.now;
    let begin = subscribe("e1", "ada", "sub_1", "pro", Active, start);
    stage.ledger.one(begin).await;
    let next = ledger::period::start(start, 1);
    stage.ledger.now = next + TimeDelta::hours(1);
    let reference = |at: chrono::DateTime<_>| format!("grant:sub_1:{}", at.format("%Y-%m-%d"));
    let expected = vec![
        booked("ada", "e1", 0),
        booked("ada", &reference(start), 200),
        booked("ada", &reference(next), 200),
        booked("ada", "e2", 0),
    ];
    (expected, reference(next))
}

pub async fn an_event_waits_for_the_jobs_grant(stage: &mut Stage) -> Vec<Booked> {
    let start = stage.ledger.now;
    let (expected, _) = due(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let grant = grant_period("ada", "sub_1", ledger::period::start(start, 1));
    let one = first.commits(&[grant]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let event = subscribe("e2", "ada", "sub_1", "pro", Active, stage.ledger.now);
    let two = second.commits(&[event]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].balance, Some(400));
    assert_eq!(two.outcomes().await[0].amount, 0, "the period is granted");
    assert_eq!(stage.tries("second").await, 1);
    expected
}

pub async fn the_jobs_grant_waits_for_an_event(stage: &mut Stage) -> Vec<Booked> {
    let start = stage.ledger.now;
    let (expected, reference) = due(stage).await;
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT credits_transaction").await;
    let event = subscribe("e2", "ada", "sub_1", "pro", Active, stage.ledger.now);
    let one = first.commits(&[event]).await;
    stage
        .until_waits(&one, gate.pid, sql::INSERT_TRANSACTIONS.postgres)
        .await;
    let grant = grant_period("ada", "sub_1", ledger::period::start(start, 1));
    assert_eq!(grant.reference_id, reference);
    let two = second.commits(&[grant]).await;
    stage.until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres).await;
    gate.let_go().await;
    assert_eq!(one.outcomes().await[0].amount, 200);
    let outcome = two.outcomes().await.remove(0);
    assert!(outcome.replayed && outcome.amount == 200);
    assert_eq!(stage.tries("second").await, 0, "it knew before it decided");
    expected
}

pub async fn two_users_with_one_subscription(stage: &mut Stage) -> Vec<Booked> {
    let (first, second) = stage.writers().await;
    let gate = stage.close("first AFTER INSERT subscription").await;
    let event = |reference, user| subscribe(reference, user, "sub_1", "pro", Paused, stage.ledger.now);
    let one = first.commits(&[event("e1", "ada")]).await;
    stage
        .until_waits(&one, gate.pid, sql::WRITE_SUBSCRIPTIONS.postgres)
        .await;
    let group = [event("e2", "bob"), promote("g1", "cyd", 3, None)];
    let two = second.commits(&group).await;
    stage
        .until_waits(&two, one.pid, sql::WRITE_SUBSCRIPTIONS.postgres)
        .await;
    gate.let_go().await;
    one.outcomes().await;
    let error = two.error().await;
    assert!(matches!(error, StoreError::LostLock { .. }), "{error:?}");
    let decisions = second.commits(&group).await.decisions().await;
    let conflict = Decision::Unapplied(Refusal::SubscriptionConflict.into());
    assert_eq!(decisions[0], conflict);
    vec![booked("ada", "e1", 0), booked("cyd", "g1", 3)]
}
