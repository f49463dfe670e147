//! A period is granted when it is due, by the first command, event or run of the job.

use chrono::TimeDelta;
use entity::{credits_balance, credits_transaction};
use ledger::{
    Action, Command, Expire, Plan,
    SubscriptionStatus::{Active, Canceled, PastDue},
    period,
};
use sea_orm::EntityTrait;
use testkit::ledger::{TestLedger, buy_credits, consume, grant_period, register, subscribe};

/// The starts and amounts of the granted periods, in the order of their starts.
async fn granted(ledger: &TestLedger) -> Vec<(i64, i64)> {
    let rows = credits_transaction::Entity::find()
        .all(ledger.store.read_connection())
        .await;
    let rows = rows.expect("rows").into_iter();
    let grants = rows.filter(|row| row.kind == "monthly_grant" && row.status == "COMPLETED");
    let mut grants: Vec<_> = grants
        .map(|row| (row.period_start.expect("a period").timestamp(), row.amount))
        .collect();
    grants.sort_unstable();
    grants
}

fn plan(credits: i64) -> Plan {
    Plan {
        enabled: true,
        credits,
        validity_days: Some(365),
    }
}

/// Conformance: Commands: Every command first grants the periods of its user that are due
pub async fn a_command_first_grants_the_due_periods_of_its_user(mut ledger: TestLedger) {
    ledger
        .rules
        .plans
        .get_mut("pro")
        .expect("pro")
        .validity_days = None;
    let start = ledger.now;
    ledger
        .one(subscribe("e1", "ada", "sub_1", "pro", Active, start))
        .await;
    ledger.one(consume("c1", "ada", 200)).await;
    let next = period::start(start, 1);
    ledger.now = next - TimeDelta::seconds(1);
    let refused = ledger.one(consume("c2", "ada", 5)).await;
    assert!(refused.refused.is_some(), "a second too early");
    ledger.now = next;
    let spent = ledger.one(consume("c3", "ada", 5)).await;
    assert_eq!(
        (spent.amount, spent.balance, spent.available),
        (-5, Some(195), Some(195))
    );
    assert_eq!(
        spent.transactions.len(),
        1,
        "the grant is a separate transaction"
    );
    assert_eq!(granted(&ledger).await.len(), 2);
    let job = ledger.one(grant_period("ada", "sub_1", next)).await;
    assert!(
        job.replayed && job.amount == 200,
        "the period is already granted"
    );
    let again = ledger.one(consume("c3", "ada", 5)).await;
    assert!(again.replayed && again.amount == -5);
    let before = ledger.optimistic_groups().0;
    ledger.one(consume("c4", "ada", 5)).await;
    ledger.one(consume("c5", "ada", 5)).await;
    assert_eq!(
        ledger.optimistic_groups().0 - before,
        u64::from(ledger.is_optimistic()) * 2,
        "nothing is due any more"
    );
    ledger.verify().await;
}

/// Conformance: Commands: Every command first grants the periods of its user that are due
pub async fn every_kind_of_command_grants_due_periods(mut ledger: TestLedger) {
    ledger.rules.plans.insert("pro".to_owned(), plan(200));
    let start = ledger.now;
    let users = ["ada", "bob", "cyd"];
    for user in users {
        let id = format!("sub_{user}");
        ledger
            .one(subscribe(user, user, &id, "pro", Active, start))
            .await;
    }
    ledger.now = period::start(start, 1);
    let expire = Action::Expire(Expire { cutoff: ledger.now });
    let commands = [
        buy_credits("p1", "ada", 1),
        register("r1", "bob"),
        testkit::ledger::command(ledger::Origin::Internal, "job", "cyd", expire),
    ];
    let outcomes = ledger.settle(&commands).await;
    let balances: Vec<_> = outcomes.iter().map(|outcome| outcome.balance).collect();
    assert_eq!(balances, [Some(401), Some(420), Some(400)]);
    ledger.verify().await;
}

/// Conformance: Commands: A repeated `past_due` event grants nothing and does not restart the grace
/// period
pub async fn a_repeated_past_due_event_grants_nothing(mut ledger: TestLedger) {
    ledger.rules.plans.insert("pro".to_owned(), plan(200));
    let start = ledger.now;
    let event =
        |reference: &str, status, at| subscribe(reference, "ada", "sub_1", "pro", status, at);
    ledger.one(event("e1", Active, start)).await;
    let next = period::start(start, 1);
    for (nth, minutes) in [-7, 1, 60, 1440].into_iter().enumerate() {
        ledger.now = next + TimeDelta::minutes(minutes);
        let late = event(&format!("late-{nth}"), PastDue, ledger.now);
        assert_eq!(ledger.one(late).await.amount, 0, "nothing is paid");
        assert_eq!(
            ledger
                .one(consume(&format!("c{nth}"), "ada", 1))
                .await
                .amount,
            -1
        );
    }
    let row = entity::subscription::Entity::find_by_id("sub_1").one(ledger.store.read_connection());
    let row = row.await.expect("a query").expect("the subscription");
    assert_eq!(row.status_since, Some(next - TimeDelta::minutes(7)));
    assert_eq!(row.status_at, next + TimeDelta::minutes(1440));
    assert_eq!(granted(&ledger).await, [(start.timestamp(), 200)]);
    ledger.now += TimeDelta::hours(1);
    let paid = ledger.one(event("paid", Active, ledger.now)).await;
    assert_eq!(
        paid.amount, 200,
        "the payment grants the period that waited"
    );
    ledger.verify().await;
}

/// Conformance: Commands: Each period is granted by the plan in force when the period started
pub async fn each_period_is_granted_by_the_plan_in_force_when_it_started(mut ledger: TestLedger) {
    ledger.rules.plans.insert("basic".to_owned(), plan(10));
    ledger.rules.plans.insert("pro".to_owned(), plan(200));
    let start = ledger.now;
    let event = |reference: &str, plan: &str, status, at| {
        subscribe(reference, "ada", "sub_1", plan, status, at)
    };
    ledger.one(event("e1", "basic", Active, start)).await;
    ledger.now = period::start(start, 1);
    ledger.one(event("e2", "basic", PastDue, ledger.now)).await;
    ledger.now = period::start(start, 5) + TimeDelta::days(5);
    let paid = ledger.one(event("e3", "pro", Active, ledger.now)).await;
    assert_eq!(paid.amount, 5 * 10, "five periods of the old plan waited");
    ledger.now = period::start(start, 6);
    assert_eq!(
        ledger.one(consume("c1", "ada", 1)).await.balance,
        Some(6 * 10 + 200 - 1)
    );
    ledger.verify().await;
}

/// Conformance: Commands: Periods of a disabled plan wait and do not delay other periods
pub async fn periods_of_a_disabled_plan_wait_without_holding_back_others(mut ledger: TestLedger) {
    ledger.rules.plans.insert("basic".to_owned(), plan(10));
    ledger.rules.plans.insert("pro".to_owned(), plan(200));
    let start = ledger.now;
    ledger
        .one(subscribe("e1", "ada", "sub_1", "basic", Active, start))
        .await;
    ledger.rules.plans.get_mut("basic").expect("basic").enabled = false;
    let change = period::start(start, 1) + TimeDelta::days(1);
    ledger.now = change;
    let changed = ledger
        .one(subscribe("e2", "ada", "sub_1", "pro", Active, change))
        .await;
    assert_eq!(changed.amount, 0, "the month of the disabled plan waits");
    ledger.now = period::start(start, 2);
    let spent = ledger.one(consume("c1", "ada", 1)).await;
    assert_eq!(
        spent.balance,
        Some(10 + 200 - 1),
        "the second month of the new plan"
    );
    let db = ledger.store.read_connection();
    let wallet = credits_balance::Entity::find()
        .one(db)
        .await
        .expect("a query")
        .expect("a wallet");
    assert_eq!(
        wallet.next_due_at,
        Some(period::start(start, 3)),
        "the waiting period is left to the job"
    );
    ledger.rules.plans.get_mut("basic").expect("basic").enabled = true;
    let job = ledger
        .one(grant_period("ada", "sub_1", period::start(start, 1)))
        .await;
    assert_eq!(job.amount, 10);
    ledger.verify().await;
}

pub async fn a_late_registration_is_covered_by_an_existing_paid_plan(mut ledger: TestLedger) {
    let start = ledger.now;
    ledger
        .one(subscribe("e1", "ada", "sub_1", "pro", Active, start))
        .await;
    ledger.now = period::start(start, 1) + TimeDelta::days(2);
    ledger.one(consume("c1", "ada", 1)).await;
    let mut late = register("r1", "ada");
    late.received_at = Some(start + TimeDelta::hours(1));
    let outcomes = ledger.settle(&[late, consume("c2", "ada", 1)]).await;
    assert_eq!(outcomes[1].amount, -1);
    let free = "SELECT count(*) FROM credits_transaction WHERE subscription_id = 'free:ada' \
                AND amount > 0";
    assert_eq!(ledger.number(free).await, 0, "the paid plan covers it");
    let db = ledger.store.read_connection();
    let wallet = credits_balance::Entity::find()
        .one(db)
        .await
        .expect("a query")
        .expect("a wallet");
    assert_eq!(wallet.next_due_at, Some(period::start(start, 2)));
    ledger.verify().await;
}

/// Conformance: Commands: Subscription events may arrive in any order; each counts for the time it
/// happened
pub async fn a_period_after_the_end_is_not_granted_in_any_order_of_events(mut ledger: TestLedger) {
    ledger.rules.plans.insert("pro".to_owned(), plan(200));
    let ago = |time| ledger.now - time;
    // The twelfth month from this anchor started an hour ago.
    let anchor = ago(TimeDelta::days(365) + TimeDelta::hours(1));
    let anchored = |user: &str, status, at| {
        let mut command = subscribe(&format!("{user}-{status:?}"), user, user, "pro", status, at);
        if let Action::Subscription(update) = &mut command.action {
            update.anchor = Some(anchor);
        }
        command
    };
    // The begin, the end and the months in which the subscription ran.
    let cases = [
        (
            ago(TimeDelta::days(40)),
            ago(TimeDelta::days(19)),
            vec![10, 11],
        ),
        (ago(TimeDelta::hours(3)), ago(TimeDelta::hours(2)), vec![11]),
    ];
    let now = ledger.now;
    for (began, ended, months) in cases {
        let expected: Vec<_> = months
            .iter()
            .map(|nth| period::start(anchor, *nth))
            .collect();
        for reverse in [false, true] {
            let user = format!("user-{}-{reverse}", began.timestamp());
            let mut events = [
                anchored(&user, Active, began),
                anchored(&user, Canceled, ended),
            ];
            if reverse {
                events.reverse();
            }
            ledger.now = now;
            for event in events {
                ledger.one(event).await;
            }
            // Other late events could arrive within this time.
            ledger.now += TimeDelta::minutes(15);
            ledger.one(consume(&format!("{user}-use"), &user, 1)).await;
            let rows = credits_transaction::Entity::find()
                .all(ledger.store.read_connection())
                .await;
            let of_user = rows
                .expect("rows")
                .into_iter()
                .filter(|row| row.user_id == user);
            let mut starts: Vec<_> = of_user.filter_map(|row| row.period_start).collect();
            starts.sort_unstable();
            assert_eq!(starts, expected, "reverse: {reverse}");
        }
    }
    ledger.verify().await;
}

/// The provider's clock is ahead by less than the tolerance, and the cancellation comes in the
/// meantime.
pub async fn an_event_that_is_dated_ahead_hides_no_cancellation(mut ledger: TestLedger) {
    let start = ledger.now;
    let event =
        |reference: &str, status, at| subscribe(reference, "ada", "sub_1", "pro", status, at);
    ledger
        .one(event("ahead", Active, start + TimeDelta::minutes(4)))
        .await;
    ledger.now = start + TimeDelta::minutes(1);
    let canceled = ledger.one(event("end", Canceled, ledger.now)).await;
    assert!(!canceled.stale, "it is the latest event");
    let row = entity::subscription::Entity::find_by_id("sub_1").one(ledger.store.read_connection());
    assert_eq!(
        row.await.expect("a query").expect("a row").status,
        "CANCELED"
    );
    ledger.now = period::start(start, 1) + TimeDelta::hours(1);
    ledger.one(consume("c1", "ada", 1)).await;
    assert_eq!(granted(&ledger).await, [(start.timestamp(), 200)]);
    ledger.verify().await;
}

/// Several events report one renewal, in any order and with the same time. A stale event may
/// contain more information.
pub async fn paid_through_is_raised_by_any_event_and_lowered_by_none(mut ledger: TestLedger) {
    let start = ledger.now;
    let renewed = period::start(start, 1);
    let later = period::start(start, 2);
    let seconds = TimeDelta::seconds;
    let orders = [
        [(seconds(0), Some(later)), (seconds(0), None)],
        [(seconds(0), None), (seconds(0), Some(later))],
        [(seconds(0), Some(later)), (seconds(5), Some(renewed))],
        [(seconds(0), Some(renewed)), (seconds(-3600), Some(later))],
    ];
    for (nth, events) in orders.into_iter().enumerate() {
        let user = format!("user-{nth}");
        let mut reference = 0;
        let mut event = |at, paid| {
            reference += 1;
            let reference = format!("{user}-{reference}");
            let mut command = subscribe(&reference, &user, &user, "pro", Active, at);
            if let Action::Subscription(update) = &mut command.action {
                update.paid_through = paid;
            }
            command
        };
        ledger.now = start;
        ledger.one(event(start, Some(renewed))).await;
        ledger.now = renewed + TimeDelta::minutes(1);
        for (after, paid) in events {
            ledger.one(event(renewed + after, paid)).await;
        }
        ledger.now += TimeDelta::minutes(15);
        ledger.one(consume(&format!("{user}-use"), &user, 1)).await;
        let row = entity::subscription::Entity::find_by_id(user.as_str());
        let row = row
            .one(ledger.store.read_connection())
            .await
            .expect("a query");
        assert_eq!(row.expect("a row").paid_through, Some(later), "{events:?}");
        let month = format!(
            "SELECT count(*) FROM credits_transaction
              WHERE user_id = '{user}' AND type = 'monthly_grant'"
        );
        assert_eq!(ledger.number(&month).await, 2, "{events:?}");
    }
    ledger.verify().await;
}

/// Conformance: Commands: A command counts from the time it was received, also after a replay
pub async fn a_command_counts_from_the_time_it_was_received(mut ledger: TestLedger) {
    let received = ledger.now;
    ledger.now += TimeDelta::days(10);
    let mut late = testkit::ledger::buy(
        "p1",
        "ada",
        ledger::Item::Credits {
            credits: 100,
            validity_days: Some(30),
        },
    );
    late.received_at = Some(received);
    ledger.one(late).await;
    let batches = entity::credits_batch::Entity::find()
        .all(ledger.store.read_connection())
        .await;
    let batch = &batches.expect("batches")[0];
    assert_eq!(batch.issued_at, received);
    assert_eq!(batch.expires_at, Some(received + TimeDelta::days(30)));

    let event = |reference: &str, status| -> Command {
        let mut command = subscribe(reference, "bob", "sub_1", "pro", status, received);
        command.occurred_at = None;
        command
    };
    ledger.one(event("end", Canceled)).await;
    let mut replayed = event("begin", Active);
    replayed.received_at = Some(received);
    let outcome = ledger.one(replayed).await;
    assert!(outcome.stale, "it was received before the cancellation");
    let row = entity::subscription::Entity::find_by_id("sub_1").one(ledger.store.read_connection());
    assert_eq!(
        row.await.expect("a query").expect("a row").status,
        "CANCELED"
    );
    ledger.verify().await;
}
