//! The next grant of a subscription, and when the next period can be granted.

use ledger::{
    NextGrant,
    SubscriptionStatus::{Active, Canceled},
};

use crate::desk::{Desk, at};

fn next_grant(desk: &Desk) -> Option<NextGrant> {
    ledger::next_grant(desk.book.subscriptions("u"), &desk.rules, desk.now)
}

/// Enables or disables a plan.
fn set_enabled(desk: &mut Desk, plan: &str, enabled: bool) {
    desk.rules.plans.get_mut(plan).expect("a plan").enabled = enabled;
}

#[test]
fn a_period_of_a_disabled_plan_is_not_due_from_its_first_instant_on() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    set_enabled(&mut desk, "pro", false);
    desk.now = at("2026-02-10");
    let due =
        |desk: &Desk| ledger::next_due_at(desk.book.subscriptions("u"), &desk.rules, desk.now);
    assert_eq!(due(&desk), Some(at("2026-03-10")));
    set_enabled(&mut desk, "pro", true);
    assert_eq!(due(&desk), Some(at("2026-02-10")));
}

#[test]
fn the_next_grant_skips_a_disabled_plan_that_comes_before_another_plan() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "basic");
    set_enabled(&mut desk, "basic", false);
    desk.now = at("2026-02-20");
    desk.event("2026-02-20", Active, "pro");
    let next = next_grant(&desk).expect("a grant");
    let found = (next.at, next.amount, next.plan.as_str());
    assert_eq!(found, (at("2026-03-10"), 200, "pro"));
}

#[test]
fn a_plan_without_credits_is_no_next_grant() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    assert!(next_grant(&desk).is_some());
    desk.rules.plans.get_mut("pro").expect("pro").credits = 0;
    assert_eq!(next_grant(&desk), None);
}

#[test]
fn only_an_ended_or_paused_subscription_has_an_end_instant() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    assert_eq!(desk.known("sub").state.ended_at, None);
    desk.now = at("2026-01-20");
    desk.event("2026-01-20", Canceled, "pro");
    assert_eq!(desk.known("sub").state.ended_at, Some(at("2026-01-20")));
}
