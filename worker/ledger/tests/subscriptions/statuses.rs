//! Pauses, overdue payments, trials, and the free plan.

use chrono::TimeDelta;
use ledger::{
    Action, Period, Skipped,
    SubscriptionStatus::{Active, Canceled, PastDue, Paused, Trialing},
};

use super::{Desk, at, days, settled, subscription};

/// Conformance: Commands: Periods that a pause covers completely are not granted
#[test]
fn a_pause_within_a_period_grants_it_once_and_a_longer_one_skips_periods() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-01-15");
    desk.event("2026-01-12", Paused, "pro");
    assert_eq!(
        desk.event("2026-01-15", Active, "pro").amount,
        0,
        "January is granted already"
    );
    desk.now = at("2026-04-20");
    desk.event("2026-01-20", Paused, "pro");
    desk.event("2026-04-20", Active, "pro");
    desk.now = at("2026-04-20T00:15:00");
    desk.job();
    assert_eq!(days(&desk.granted()), ["2026-01-10", "2026-04-10"]);
}

/// Conformance: Commands: During `past_due`, periods wait once the grace period ends; a late
/// payment grants the waiting periods
#[test]
fn periods_that_waited_during_past_due_are_granted_after_the_payment() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-09");
    desk.event("2026-02-09", PastDue, "pro");
    desk.now = at("2026-03-12");
    assert!(desk.job().is_empty());
    let paid = desk.event("2026-03-12", Active, "pro");
    assert_eq!(paid.amount, 400);
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10"]
    );
}

/// Conformance: Commands: During `past_due`, periods wait once the grace period ends; a late
/// payment grants the waiting periods
#[test]
fn past_due_is_granted_within_its_grace_and_ends_with_it() {
    let mut desk = Desk::new();
    desk.rules.past_due_grace = TimeDelta::days(3);
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-09");
    desk.event("2026-02-09", PastDue, "pro");
    desk.now = at("2026-03-11");
    assert_eq!(desk.job().len(), 1, "February's, a day after it fell due");
    let ended = desk.event("2026-03-11", Canceled, "pro");
    assert_eq!(ended.amount, 0, "March was never paid");
    assert_eq!(desk.known().state.ended_at, Some(at("2026-02-12")));
}

/// Conformance: Commands: Periods of a trial are granted or wait, depending on
/// `subscriptions.trial`
#[test]
fn a_trial_is_granted_or_waits_as_the_setting_says() {
    let mut desk = Desk::new();
    assert_eq!(desk.event("2026-01-10", Trialing, "pro").amount, 200);
    let mut desk = Desk::new();
    desk.rules.trial_grants = false;
    assert_eq!(desk.event("2026-01-10", Trialing, "pro").amount, 0);
    desk.now = at("2026-01-24");
    assert_eq!(desk.event("2026-01-24", Active, "pro").amount, 200);
    assert_eq!(days(&desk.granted()), ["2026-01-10"]);
}

/// Conformance: Monthly grants: The free plan is granted from a month after registration, only
/// while no paid plan runs
#[test]
fn the_free_plan_is_granted_monthly_unless_a_paid_plan_covers_the_period() {
    let mut desk = Desk::new();
    desk.rules
        .plans
        .get_mut("free")
        .expect("free")
        .validity_days = Some(365);
    settled(desk.send("u", None, Action::RegistrationBonus));
    assert!(desk.job().is_empty(), "the first grant comes after a month");
    desk.now = at("2026-02-10");
    assert_eq!(desk.job()[0].amount, 10);
    desk.now = at("2026-03-01");
    desk.event("2026-03-01", Active, "pro");
    desk.now = at("2026-03-10");
    assert_eq!(desk.job()[0].skipped, Some(Skipped::PaidPlan));
    desk.now = at("2026-03-20");
    desk.event("2026-03-20", Canceled, "pro");
    desk.now = at("2026-04-10");
    let back = desk.job();
    assert_eq!(
        (back.len(), back[0].amount),
        (1, 10),
        "it falls back to the free plan"
    );
}

#[test]
fn the_next_grant_is_the_earliest_that_will_come() {
    let mut desk = Desk::new();
    settled(desk.send("u", None, Action::RegistrationBonus));
    let next =
        |desk: &Desk| ledger::next_grant(desk.book.subscriptions("u"), &desk.rules, desk.now);
    let free = next(&desk).expect("the free plan's");
    assert_eq!(
        (free.amount, free.plan.as_str(), free.at),
        (10, "free", at("2026-02-10"))
    );
    let event = subscription(
        "sub",
        "pro",
        Active,
        Some(at("2026-01-05")),
        Some(at("2026-06-01")),
    );
    settled(desk.send("u", None, event));
    let paid = next(&desk).expect("the paid plan's");
    assert_eq!(
        (paid.amount, paid.plan.as_str(), paid.at),
        (200, "pro", at("2026-02-05"))
    );
    assert_eq!(Period::containing(at("2026-01-05"), paid.at).start, paid.at);
}
