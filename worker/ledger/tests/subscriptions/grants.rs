//! The periods that are granted, by the event and by the job.

use ledger::{
    Plan, Skipped,
    SubscriptionStatus::{Active, Canceled},
    TransactionType, next_grant,
};

use super::{Desk, at, command, days, monthly, settled, subscription};

/// Conformance: Commands: A `subscription` activation opens the wallet and grants the current
/// period at once
#[test]
fn an_activation_opens_the_wallet_and_grants_the_current_period_at_once() {
    let mut desk = Desk::new();
    let outcome = desk.event("2026-01-10", Active, "pro");
    assert_eq!((outcome.amount, outcome.balance), (200, Some(200)));
    let kinds: Vec<_> = outcome
        .transactions
        .iter()
        .map(|(_, kind, amount)| (*kind, *amount))
        .collect();
    assert_eq!(
        kinds,
        [
            (TransactionType::Subscription, 0),
            (TransactionType::MonthlyGrant, 200)
        ]
    );
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-02-09")));
    assert_eq!(batch.grant_period.as_deref(), Some("2026-01"));
    assert_eq!(batch.source_plan.as_deref(), Some("pro"));
    assert_eq!(desk.known().state.due_at, Some(at("2026-02-10")));
}

/// Conformance: Monthly grants: A quantity multiplies the credits of the plan, and another one
/// counts from the next period on
#[test]
fn the_quantity_at_the_start_of_a_period_multiplies_its_credits() {
    let mut desk = Desk::new();
    assert_eq!(desk.seats("2026-01-10", 3).amount, 600);
    desk.now = at("2026-01-20");
    assert_eq!(desk.seats("2026-01-20", 5).amount, 0);
    let (user, now) = (desk.book.subscriptions("u"), desk.now);
    let next = next_grant(user, &desk.rules, now).expect("a grant");
    assert_eq!((next.amount, next.at), (1000, at("2026-02-10")));
    desk.now = at("2026-02-10");
    desk.job();
    // An event without a quantity means one.
    desk.now = at("2026-03-01");
    desk.event("2026-03-01", Active, "pro");
    desk.now = at("2026-03-10");
    desk.job();
    let granted = [
        ("2026-01-10", 600),
        ("2026-02-10", 1000),
        ("2026-03-10", 200),
    ];
    assert_eq!(
        desk.granted(),
        granted.map(|(day, amount)| (day.to_owned(), amount))
    );
}

#[test]
fn a_quantity_is_clipped_by_the_cap_and_never_overflows() {
    let mut desk = Desk::new();
    let outcome = desk.seats("2026-01-10", i64::MAX);
    assert_eq!((outcome.amount, outcome.balance), (10_000, Some(10_000)));
}

/// Conformance: Amounts, time and spending order: With `validity = "period"`, credits expire when
/// the next period starts
#[test]
fn a_validity_of_the_period_ends_where_the_next_one_starts() {
    let mut desk = Desk::new();
    desk.rules.plans.insert(
        "period".to_owned(),
        Plan {
            enabled: true,
            credits: 7,
            validity_days: None,
        },
    );
    desk.now = at("2026-01-31T12:00:00");
    desk.event("2026-01-31T12:00:00", Active, "period");
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-02-28T12:00:00")));
}

/// Conformance: Idempotency: Purchase bonuses and monthly grants have the derived references
/// `bonus:…` and `grant:…`
#[test]
fn the_job_grants_each_period_once_and_catches_up_missed_periods() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    assert!(desk.job().is_empty(), "nothing is due yet");
    desk.now = at("2026-04-10T00:00:01");
    assert_eq!(desk.job().len(), 3);
    assert!(desk.job().is_empty(), "everything is granted");
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10"]
    );
    let again = settled(desk.decide(&monthly("u", "sub", at("2026-03-10"))));
    assert!(again.replayed && again.amount == 200);
}

/// Conformance: Monthly grants: A period whose credits would already have expired is recorded as
/// skipped
#[test]
fn a_period_whose_credits_would_have_expired_is_recorded_as_skipped() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-04-15");
    let outcomes = desk.job();
    let skipped: Vec<_> = outcomes.iter().map(|outcome| outcome.skipped).collect();
    assert_eq!(
        skipped,
        [Some(Skipped::Expired), Some(Skipped::Expired), None]
    );
    assert_eq!(outcomes[0].amount, 0);
    assert_eq!(outcomes[2].amount, 200);
}

/// Conformance: Monthly grants: The first period of a subscription contains its activation
#[test]
fn the_first_period_is_the_one_that_contains_the_activation() {
    let mut desk = Desk::new();
    desk.now = at("2026-03-20");
    let anchor = Some(at("2026-01-31"));
    let event = subscription("sub", "pro", Active, anchor, None);
    settled(desk.send("u", Some(at("2026-03-20")), event));
    assert_eq!(days(&desk.granted()), ["2026-02-28"]);
    assert_eq!(desk.known().state.due_at, Some(at("2026-03-31")));
}

/// Conformance: Monthly grants: The first period of a subscription contains its activation
#[test]
fn an_anchor_to_come_grants_from_there_on() {
    let mut desk = Desk::new();
    let event = subscription("sub", "pro", Active, Some(at("2026-01-24")), None);
    settled(desk.send("u", None, event));
    assert!(desk.granted().is_empty());
    desk.now = at("2026-01-24");
    assert_eq!(desk.job().len(), 1);
}

/// Conformance: Monthly grants: All periods of a subscription are counted from its original anchor
#[test]
fn a_later_anchor_does_not_begin_a_second_series() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-11");
    let event = subscription("sub", "pro", Active, Some(at("2026-02-11")), None);
    let outcome = settled(desk.send("u", Some(at("2026-02-11")), event));
    assert_eq!(
        outcome.amount, 200,
        "the period from the 10th, by the first anchor"
    );
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: Every past period in [activation, end) is granted later if missed,
/// also after a cancellation
/// Conformance: Monthly grants: A cancelled subscription keeps the credits that it was granted
#[test]
fn after_the_end_earlier_periods_are_still_granted_and_later_ones_are_not() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-04-01");
    let outcome = desk.event("2026-03-09", Canceled, "pro");
    assert_eq!(outcome.amount, 0);
    desk.now = at("2026-04-01T00:15:00");
    assert_eq!(desk.job().len(), 1, "February's, which no job granted");
    assert_eq!(desk.known().state.due_at, None);
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: No period from `paidThrough` on is granted; any event can raise
/// `paidThrough`, and none lowers it
#[test]
fn periods_are_granted_only_up_to_paid_through() {
    let mut desk = Desk::new();
    let until = |day| subscription("sub", "pro", Active, None, Some(at(day)));
    settled(desk.send("u", Some(at("2026-01-10")), until("2026-02-10")));
    desk.now = at("2026-02-12");
    assert!(desk.job().is_empty(), "the second month is not paid");
    let outcome = settled(desk.send("u", Some(at("2026-02-12")), until("2026-03-10")));
    assert_eq!(outcome.amount, 200, "as soon as it is paid");
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-02-10"]);
}

/// Conformance: Monthly grants: Yearly and lifetime plans are granted monthly
#[test]
fn a_yearly_plan_gets_twelve_monthly_grants_and_a_lifetime_plan_goes_on() {
    for (paid_through, grants) in [(Some(at("2027-01-10")), 12), (None, 15)] {
        let mut desk = Desk::new();
        desk.rules.max_user_balance = 1_000_000;
        desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(3650);
        settled(desk.send(
            "u",
            None,
            subscription("sub", "pro", Active, None, paid_through),
        ));
        desk.now = at("2027-03-11");
        desk.job();
        assert_eq!(desk.granted().len(), grants);
    }
}

/// Conformance: Commands: A change of plan takes effect with the next period
#[test]
fn a_plan_that_changes_counts_from_the_next_period_on() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.rules.plans.insert(
        "max".to_owned(),
        Plan {
            enabled: true,
            credits: 500,
            validity_days: Some(365),
        },
    );
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-20");
    let outcome = desk.event("2026-02-20", Active, "max");
    assert_eq!(outcome.amount, 200, "February was due under the old plan");
    desk.now = at("2026-03-10");
    desk.job();
    let amounts: Vec<i64> = desk.granted().iter().map(|(_, amount)| *amount).collect();
    assert_eq!(amounts, [200, 200, 500]);
}

#[test]
fn a_grant_that_an_event_brings_has_no_sender_because_any_command_may_bring_it() {
    let mut desk = Desk::new();
    desk.now = at("2026-01-10");
    let action = subscription("sub", "pro", Active, None, None);
    let mut event = command("e", "u", Some(at("2026-01-10")), action);
    event.sender = Some("bridge".to_owned());
    settled(desk.decide(&event));
    let senders: Vec<_> = desk
        .book
        .postings()
        .iter()
        .map(|posting| (posting.kind, posting.sender.as_deref()))
        .collect();
    assert!(
        senders.contains(&(TransactionType::MonthlyGrant, None)),
        "{senders:?}"
    );
    let others = senders
        .iter()
        .filter(|(kind, _)| *kind != TransactionType::MonthlyGrant);
    assert!(
        others.clone().all(|(_, sender)| *sender == Some("bridge")),
        "{senders:?}"
    );
}
