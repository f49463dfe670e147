//! Holds in the store: reserved, captured step by step, released, and ended by time.

use chrono::TimeDelta;
use integration::hold_race::{held, open, race, with};
use ledger::{Action, Command, Hold, Late, Origin, Overrun, Refusal};
use scrip::read;
use testkit::ledger::{
    TestLedger, buy_credits, capture, consume, expire, hold, late, promote, release, settled,
};

use super::idempotency::replay_of;

async fn available(ledger: &TestLedger, user: &str) -> (i64, i64) {
    let db = ledger.store.read_connection();
    let balance = read::balance(db, user, &ledger.rules, ledger.now).await;
    let balance = balance.expect("reads").expect("a wallet");
    (balance.available_credits, balance.held)
}

pub async fn a_hold_is_written_with_its_slices_and_replayed(ledger: TestLedger) {
    ledger.one(promote("g1", "ada", 5, Some(3))).await;
    ledger.one(buy_credits("p1", "ada", 20)).await;
    let first = ledger.one(hold("h1", "ada", 8)).await;
    assert_eq!((first.held, first.available), (Some(8), Some(17)));
    assert_eq!(ledger.one(hold("h1", "ada", 8)).await, replay_of(&first));
    assert_eq!(held(&ledger).await, (8, 8));
    assert_eq!(available(&ledger, "ada").await, (17, 8));
    let step = with(capture("c1", "ada", "h1", Some(6)), Some(false), None, None);
    let outcome = ledger.one(step.clone()).await;
    assert_eq!((outcome.amount, outcome.held), (-6, Some(2)));
    assert_eq!(ledger.one(step).await, replay_of(&outcome));
    ledger.verify().await;
    let refused = ledger.one(consume("u1", "ada", 18)).await;
    let refused = refused.refused.expect("a refusal");
    assert_eq!(
        (refused.code, refused.available),
        (Refusal::InsufficientCredits, Some(17))
    );
    let released = ledger.one(release("r1", "ada", "h1")).await;
    assert_eq!((released.held, released.available), (Some(0), Some(19)));
    assert_eq!(held(&ledger).await, (0, 0));
    let closed = ledger.one(capture("c2", "ada", "h1", None)).await;
    assert_eq!(
        closed.refused.map(|refused| refused.code),
        Some(Refusal::HoldClosed)
    );
    let unknown = ledger.one(release("r2", "ada", "none")).await;
    assert_eq!(
        unknown.refused.map(|refused| refused.code),
        Some(Refusal::HoldNotFound)
    );
    ledger.verify().await;
}

pub async fn a_hold_that_has_expired_reserves_nothing_before_it_is_closed(mut ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 20)).await;
    ledger.one(hold("h1", "ada", 15)).await;
    ledger.now += TimeDelta::minutes(14);
    assert_eq!(available(&ledger, "ada").await, (5, 15));
    ledger.now += TimeDelta::minutes(1);
    assert_eq!(available(&ledger, "ada").await, (20, 0));
    let db = ledger.store.read_connection();
    let batches = read::batches(db, "ada", false, ledger.now)
        .await
        .expect("reads");
    assert_eq!(batches[0].held, 0);
    let due = read::users_with_ended_holds(ledger.store.database(), ledger.now, None).await;
    let due: Vec<_> = due
        .expect("reads")
        .items
        .into_iter()
        .map(|(_, user)| user)
        .collect();
    assert_eq!(due, ["ada"]);
    assert_eq!(open(&ledger).await, 1);
    ledger.verify().await;
    ledger.one(expire("ada", ledger.now)).await;
    assert_eq!(open(&ledger).await, 0);
    assert_eq!(held(&ledger).await, (0, 0));
    ledger.verify().await;
    assert_eq!(ledger.one(consume("u1", "ada", 20)).await.amount, -20);
    ledger.verify().await;
}

pub async fn a_capture_that_arrives_late_finds_its_closed_hold(mut ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 20)).await;
    ledger
        .settle(&[
            hold("h1", "ada", 5),
            hold("h2", "ada", 5),
            hold("h3", "ada", 5),
        ])
        .await;
    ledger.now += TimeDelta::minutes(30);
    ledger.one(consume("u1", "ada", 1)).await;
    assert_eq!(open(&ledger).await, 0);
    let reject = |reference: &str, hold: &str| {
        with(
            capture(reference, "ada", hold, None),
            None,
            None,
            Some(Late::Reject),
        )
    };
    let in_time = late(reject("c1", "h1"), ledger.now, TimeDelta::minutes(20));
    assert_eq!(ledger.one(in_time).await.amount, -5);
    let too_late = ledger.one(reject("c2", "h2")).await;
    assert_eq!(
        too_late.refused.map(|refused| refused.code),
        Some(Refusal::HoldClosed)
    );
    assert_eq!(
        ledger.one(capture("c3", "ada", "h2", None)).await.amount,
        -5
    );
    let again = ledger.one(capture("c4", "ada", "h2", None)).await;
    assert_eq!(
        again.refused.map(|refused| refused.code),
        Some(Refusal::HoldClosed)
    );
    let capped = with(
        capture("c5", "ada", "h3", Some(50)),
        None,
        Some(Overrun::Cap),
        None,
    );
    let capped = ledger.one(capped).await;
    assert_eq!((capped.amount, capped.uncaptured), (-9, Some(41)));
    ledger.verify().await;
}

/// The batch that funds the hold is not among the first ones that are read.
pub async fn a_hold_behind_many_batches_is_captured(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 20)).await;
    ledger.one(hold("h1", "ada", 12)).await;
    let gifts: Vec<_> = (0..400)
        .map(|nth| promote(&format!("g{nth}"), "ada", 1, Some(1 + nth)))
        .collect();
    ledger.settle(&gifts).await;
    // Another store has nothing in its cache.
    let store = ledger.another_store().await;
    let step = with(capture("c1", "ada", "h1", Some(4)), Some(false), None, None);
    let decided = store.commit_group(&[step], &ledger.rules, ledger.now).await;
    let outcome = settled(&decided.expect("a group")[0]);
    assert_eq!((outcome.amount, outcome.held), (-4, Some(8)));
    assert_eq!(
        ledger.one(release("r1", "ada", "h1")).await.available,
        Some(416)
    );
    assert_eq!(ledger.one(consume("u1", "ada", 416)).await.amount, -416);
    ledger.verify().await;
}

pub async fn holds_in_one_group_and_over_groups_are_the_same(ledger: TestLedger) {
    for user in ["ada", "bob"] {
        ledger
            .one(buy_credits(&format!("p-{user}"), user, 100))
            .await;
    }
    let story = |user: &str| {
        let of = |name: &str| format!("{name}-{user}");
        vec![
            hold(&of("h1"), user, 40),
            hold(&of("h2"), user, 30),
            with(
                capture(&of("c1"), user, &of("h1"), Some(10)),
                Some(false),
                None,
                None,
            ),
            consume(&of("u1"), user, 30),
            consume(&of("u2"), user, 1),
            capture(&of("c2"), user, &of("h1"), Some(45)),
            with(
                capture(&of("c3"), user, &of("h1"), None),
                None,
                Some(Overrun::Cap),
                None,
            ),
            with(
                capture(&of("c4"), user, &of("h2"), Some(31)),
                None,
                Some(Overrun::Reject),
                None,
            ),
            release(&of("r1"), user, &of("h2")),
        ]
    };
    let together = ledger.settle(&story("ada")).await;
    let mut apart = Vec::new();
    for command in story("bob") {
        apart.push(ledger.one(command).await);
    }
    let facts = |outcomes: Vec<ledger::Outcome>| -> Vec<_> {
        outcomes
            .into_iter()
            .map(|one| {
                (
                    one.amount,
                    one.balance,
                    one.available,
                    one.held,
                    one.uncaptured,
                )
            })
            .collect()
    };
    assert_eq!(facts(together), facts(apart));
    ledger.verify().await;
}

pub async fn holds_take_the_optimistic_path(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 1_000)).await;
    let (optimistic, conflicts) = ledger.optimistic_groups();
    for nth in 0..10 {
        let of = |name: &str| format!("{name}-{nth}");
        ledger.one(hold(&of("h"), "ada", 20)).await;
        ledger.one(consume(&of("u"), "ada", 1)).await;
        ledger
            .one(capture(&of("c"), "ada", &of("h"), Some(7)))
            .await;
        let group = [
            hold(&of("k"), "ada", 20),
            capture(&of("d"), "ada", &of("k"), Some(25)),
            hold(&of("l"), "ada", 20),
            release(&of("r"), "ada", &of("l")),
        ];
        ledger.settle(&group).await;
    }
    let expected = if ledger.is_optimistic() { 40 } else { 0 };
    assert_eq!(
        ledger.optimistic_groups(),
        (optimistic + expected, conflicts)
    );
    assert_eq!(held(&ledger).await, (0, 0));
    ledger.verify().await;
}

/// The optimistic path keeps only open holds. The closed hold of a command's own origin counts
/// before an open one of another origin.
pub async fn a_closed_hold_is_not_taken_for_an_open_one_of_another_origin(ledger: TestLedger) {
    ledger.one(buy_credits("p1", "ada", 100)).await;
    let by_staff = |mut command: Command| {
        command.origin = Origin::Funding;
        command
    };
    ledger.one(by_staff(hold("h", "ada", 3))).await;
    ledger.one(by_staff(release("r1", "ada", "h"))).await;
    ledger.one(hold("h", "ada", 5)).await;
    for command in [
        by_staff(capture("c1", "ada", "h", None)),
        by_staff(release("r2", "ada", "h")),
    ] {
        let refused = ledger.one(command).await.refused;
        assert_eq!(
            refused.map(|refused| refused.code),
            Some(Refusal::HoldClosed)
        );
    }
    assert_eq!(held(&ledger).await, (5, 5));
    assert_eq!(ledger.one(capture("c2", "ada", "h", None)).await.amount, -5);
    ledger.verify().await;
}

pub async fn held_credits_expire_when_they_are_returned(mut ledger: TestLedger) {
    ledger.rules.max_hold = TimeDelta::days(9);
    ledger.one(promote("g1", "ada", 10, Some(1))).await;
    let mut long = hold("h1", "ada", 6);
    if let Action::Hold(Hold { expires_at, .. }) = &mut long.action {
        *expires_at = Some(ledger.now + TimeDelta::days(8));
    }
    ledger.one(long).await;
    ledger.now += TimeDelta::days(3);
    assert_eq!(ledger.one(expire("ada", ledger.now)).await.amount, -4);
    ledger.verify().await;
    ledger.one(capture("c1", "ada", "h1", Some(1))).await;
    let expired = "SELECT count(*) FROM credits_transaction WHERE type = 'expiration'";
    assert_eq!(ledger.number(expired).await, 2);
    assert_eq!(
        ledger.number("SELECT balance FROM credits_balance").await,
        0
    );
    ledger.verify().await;
}

pub async fn four_writers_race_and_nothing_is_captured_twice(ledger: TestLedger) {
    let holds = if ledger.is_optimistic() { 400 } else { 100 };
    race(ledger, holds, 10).await;
}
