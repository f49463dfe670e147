//! Events that may happen only once, with any reference: a registration, a period, and the first
//! owner of a subscription.

use chrono::TimeDelta;
use ledger::{
    Action, Decision, Origin, Refusal,
    SubscriptionStatus::{Active, Paused},
};
use scrip::{db::StoreError, store::sql};
use testkit::ledger::{command, grant_period, promote, register, subscribe};

use super::{
    ending::{Booked, booked, refused},
    fixture::Fixture,
};

pub async fn one_registration_through_two_origins(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(promote("g0", "ada", 1, None)).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first BEFORE INSERT credits_batch").await;
    let one = first
        .commits_pessimistically(&[register("g1", "ada")])
        .await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let internal = command(Origin::Internal, "g1", "ada", Action::RegistrationBonus);
    let two = second.commits_pessimistically(&[internal]).await;
    // The wallet is written already, so a command that may open it waits before the lock.
    fixture
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, 20);
    let code = two.outcomes().await[0]
        .refused
        .as_ref()
        .map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::AlreadyGranted));
    assert_eq!(
        fixture.tries("second").await,
        1,
        "the first decision is right"
    );
    let free = "SELECT count(*) FROM subscription WHERE id = 'free:ada'";
    assert_eq!(fixture.ledger.number(free).await, 1);
    // No worker accepts a registration through the other origin, so `verify` would report it.
    let moved = "UPDATE credits_transaction SET origin = 'funding', reference_id = 'g2' \
                 WHERE origin = 'internal'";
    fixture.ledger.database.execute(moved).await;
    vec![
        booked("ada", "g0", 1),
        booked("ada", "g1", 20),
        refused("ada", "g2"),
    ]
}

pub async fn a_registration_without_the_wallets_lock(fixture: &mut Fixture) -> Vec<Booked> {
    fixture.ledger.one(promote("g0", "ada", 1, None)).await;
    let first = fixture.writer("first").await;
    let intruder = fixture
        .hold(
            "INSERT INTO credits_transaction
               (id, user_id, type, amount, origin, reference_id, status, balance_after,
                occurred_at, created_at)
             VALUES (gen_random_uuid(), 'ada', 'registration_bonus', 0, 'internal', 'intruder',
                'COMPLETED', 1, now(), now())",
        )
        .await;
    let one = first
        .commits_pessimistically(&[register("g1", "ada")])
        .await;
    fixture
        .until_waits(&one, intruder.pid, sql::WRITE_GROUP)
        .await;
    intruder.commit().await;
    let code = one.outcomes().await[0]
        .refused
        .as_ref()
        .map(|refused| refused.code);
    assert_eq!(code, Some(Refusal::AlreadyGranted));
    assert_eq!(
        fixture.tries("first").await,
        2,
        "the group was decided again"
    );
    // Without the intruder the refusal contradicts the other rows, and `verify` would report it.
    let cleanup = "DELETE FROM credits_transaction WHERE reference_id = 'intruder';
                   UPDATE credits_transaction SET error_code = 'max_balance_reached'
                    WHERE reference_id = 'g1'";
    fixture.ledger.database.execute(cleanup).await;
    vec![booked("ada", "g0", 1), refused("ada", "g1")]
}

/// A subscription whose second period has just become due. Returns the booked rows and the
/// reference of that period.
async fn due(fixture: &mut Fixture) -> (Vec<Booked>, String) {
    let start = fixture.ledger.now;
    let begin = subscribe("e1", "ada", "sub_1", "pro", Active, start);
    fixture.ledger.one(begin).await;
    let next = ledger::period::start(start, 1);
    fixture.ledger.now = next + TimeDelta::hours(1);
    let reference = |at: chrono::DateTime<_>| format!("grant:sub_1:{}", at.format("%Y-%m-%d"));
    let expected = vec![
        booked("ada", "e1", 0),
        booked("ada", &reference(start), 200),
        booked("ada", &reference(next), 200),
        booked("ada", "e2", 0),
    ];
    (expected, reference(next))
}

pub async fn an_event_waits_for_the_jobs_grant(fixture: &mut Fixture) -> Vec<Booked> {
    let start = fixture.ledger.now;
    let (expected, _) = due(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let grant = grant_period("ada", "sub_1", ledger::period::start(start, 1));
    let one = first.commits_pessimistically(&[grant]).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let event = subscribe("e2", "ada", "sub_1", "pro", Active, fixture.ledger.now);
    let two = second.commits_pessimistically(&[event]).await;
    // The wallet is written already, so a command that may open it waits before the lock.
    fixture
        .until_waits(&two, one.pid, sql::PREPARE_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].balance, Some(400));
    assert_eq!(two.outcomes().await[0].amount, 0, "the period is granted");
    assert_eq!(fixture.tries("second").await, 1);
    expected
}

pub async fn the_jobs_grant_waits_for_an_event(fixture: &mut Fixture) -> Vec<Booked> {
    let start = fixture.ledger.now;
    let (expected, reference) = due(fixture).await;
    let (first, second) = fixture.writers().await;
    let gate = fixture
        .block_at("first AFTER INSERT credits_transaction")
        .await;
    let event = subscribe("e2", "ada", "sub_1", "pro", Active, fixture.ledger.now);
    let one = first.commits_pessimistically(&[event]).await;
    fixture.until_waits(&one, gate.pid, sql::WRITE_GROUP).await;
    let grant = grant_period("ada", "sub_1", ledger::period::start(start, 1));
    assert_eq!(grant.reference_id, reference);
    let two = second.commits_pessimistically(&[grant]).await;
    fixture
        .until_waits(&two, one.pid, sql::LOCK_WALLETS.postgres)
        .await;
    gate.release().await;
    assert_eq!(one.outcomes().await[0].amount, 200);
    let outcome = two.outcomes().await.remove(0);
    assert!(outcome.replayed && outcome.amount == 200);
    assert_eq!(
        fixture.tries("second").await,
        0,
        "the first decision is right"
    );
    expected
}

pub async fn two_users_with_one_subscription(fixture: &mut Fixture) -> Vec<Booked> {
    let (first, second) = fixture.writers().await;
    let gate = fixture.block_at("first AFTER INSERT subscription").await;
    let event =
        |reference, user| subscribe(reference, user, "sub_1", "pro", Paused, fixture.ledger.now);
    let one = first.commits_pessimistically(&[event("e1", "ada")]).await;
    fixture
        .until_waits(&one, gate.pid, sql::WRITE_SUBSCRIPTIONS.postgres)
        .await;
    let group = [event("e2", "bob"), promote("g1", "cyd", 3, None)];
    let two = second.commits_pessimistically(&group).await;
    fixture
        .until_waits(&two, one.pid, sql::WRITE_SUBSCRIPTIONS.postgres)
        .await;
    gate.release().await;
    one.outcomes().await;
    let error = two.error().await;
    assert!(matches!(error, StoreError::LostLock { .. }), "{error:?}");
    let decisions = second
        .commits_pessimistically(&group)
        .await
        .decisions()
        .await;
    let conflict = Decision::Unapplied(Refusal::SubscriptionConflict.into());
    assert_eq!(decisions[0], conflict);
    vec![booked("ada", "e1", 0), booked("cyd", "g1", 3)]
}
