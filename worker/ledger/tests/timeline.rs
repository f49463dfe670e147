//! The result of a subscription's events: when it runs, what is paid, and which plan counts.

use chrono::TimeDelta;
use ledger::{
    Action, Skipped,
    SubscriptionStatus::{Active, Canceled, Expired, PastDue, Paused, Trialing},
    has_paid_plan,
};

use crate::desk::{Desk, at, consume, months};

/// Conformance: Commands: A repeated `past_due` event grants nothing and does not restart the grace
/// period
#[test]
fn a_repeated_past_due_event_grants_no_unpaid_period() {
    for grace_days in [0, 3] {
        let mut desk = Desk::new("2026-01-10");
        desk.rules.past_due_grace = TimeDelta::days(grace_days);
        desk.event("2026-01-10", Active, "pro");
        desk.now = at("2026-02-05");
        desk.event("2026-02-05", PastDue, "pro");
        for day in ["2026-02-10", "2026-02-11", "2026-02-20", "2026-03-10"] {
            desk.now = at(day);
            assert!(desk.job().is_empty());
            assert_eq!(desk.event(day, PastDue, "pro").amount, 0, "{day}");
            assert_eq!(desk.known("sub").state.since, at("2026-02-05"));
        }
        assert_eq!(desk.granted(), months(&[("2026-01-10", 200)]));
    }
}

/// Conformance: Commands: A repeated `past_due` event grants nothing and does not restart the grace
/// period
#[test]
fn a_repeated_past_due_event_does_not_start_the_grace_again() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.past_due_grace = TimeDelta::days(3);
    desk.send(Action::RegistrationBonus);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-06");
    desk.event("2026-02-06", PastDue, "pro");
    desk.now = at("2026-02-08");
    desk.event("2026-02-08", PastDue, "pro");
    let is_paid = |desk: &Desk| has_paid_plan(desk.book.subscriptions("u"), &desk.rules, desk.now);
    desk.now = at("2026-02-08T23:59:59");
    assert!(is_paid(&desk), "still in its grace");
    desk.now = at("2026-02-09");
    assert!(!is_paid(&desk), "three days after it became past due");
    let next = |desk: &Desk| {
        ledger::next_grant(desk.book.subscriptions("u"), &desk.rules, desk.now)
            .map(|next| next.plan)
    };
    assert_eq!(
        next(&desk).as_deref(),
        Some("free"),
        "nothing more of the paid plan"
    );
    desk.now = at("2026-02-10");
    assert_eq!(
        desk.job()[0].amount,
        10,
        "nothing withholds the free plan's period"
    );
    desk.event("2026-02-10", Canceled, "pro");
    assert_eq!(desk.known("sub").state.ended_at, Some(at("2026-02-09")));
}

#[test]
fn periods_that_waited_are_granted_by_the_plan_in_force_when_they_started() {
    let mut desk = Desk::new("2026-06-15");
    desk.paid("2026-06-15", Active, "basic", Some("2026-07-15"));
    desk.now = at("2026-07-15");
    desk.event("2026-07-15", PastDue, "basic");
    desk.now = at("2026-11-20");
    let paid = desk.paid("2026-11-20", Active, "pro", Some("2026-12-15"));
    assert_eq!(paid.amount, 5 * 10);
    desk.now = at("2026-12-01");
    desk.paid("2026-12-01", Active, "pro", Some("2027-01-15"));
    desk.now = at("2026-12-15");
    desk.job();
    let starts = [
        "2026-06-15",
        "2026-07-15",
        "2026-08-15",
        "2026-09-15",
        "2026-10-15",
        "2026-11-15",
    ];
    let mut expected: Vec<_> = starts.map(|start| (start, 10)).into();
    expected.push(("2026-12-15", 200));
    assert_eq!(desk.granted(), months(&expected));
}

#[test]
fn periods_of_a_disabled_plan_wait_and_keep_its_amount_after_a_plan_change() {
    let mut desk = Desk::new("2026-06-15");
    desk.event("2026-06-15", Active, "basic");
    desk.rules.plans.get_mut("basic").expect("basic").enabled = false;
    desk.now = at("2026-08-20");
    assert_eq!(desk.event("2026-08-20", Active, "pro").amount, 0);
    desk.now = at("2026-09-15");
    desk.send(consume(1));
    let without = months(&[("2026-06-15", 10), ("2026-09-15", 200)]);
    assert_eq!(desk.granted(), without, "September does not wait");
    desk.rules.plans.get_mut("basic").expect("basic").enabled = true;
    let amounts: Vec<_> = desk.job().iter().map(|outcome| outcome.amount).collect();
    assert_eq!(amounts, [10, 10], "July's and August's");
}

#[test]
fn an_activation_brings_its_own_plans_credits_for_the_period_that_contains_it() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "basic");
    desk.now = at("2026-01-20");
    desk.event("2026-01-20", Canceled, "basic");
    desk.now = at("2026-02-20");
    assert_eq!(desk.event("2026-02-20", Active, "pro").amount, 200);
    assert_eq!(
        desk.granted(),
        months(&[("2026-01-10", 10), ("2026-02-10", 200)])
    );
}

/// Conformance: Monthly grants: No period from `paidThrough` on is granted; any event can raise
/// `paidThrough`, and none lowers it
#[test]
fn paid_through_is_raised_by_any_event_and_lowered_by_none() {
    let renewal = "2026-02-10T00:00:00";
    let paid = (renewal, Some("2026-03-10"));
    let updated = (renewal, None);
    let lower = ("2026-02-10T00:00:05", Some("2026-02-10"));
    let late = ("2026-02-01", Some("2026-03-10"));
    let stays = ("2026-02-10T00:00:09", Some("2026-02-10"));
    for events in [
        [paid, updated],
        [updated, paid],
        [paid, lower],
        [lower, paid],
        [stays, late],
    ] {
        let mut desk = Desk::new("2026-01-10");
        desk.paid("2026-01-10", Active, "pro", Some("2026-02-10"));
        desk.now = at("2026-02-10T01:00:00");
        for (when, paid_through) in events {
            desk.paid(when, Active, "pro", paid_through);
        }
        desk.wait();
        assert_eq!(
            desk.granted(),
            months(&[("2026-01-10", 200), ("2026-02-10", 200)]),
            "{events:?}"
        );
        assert_eq!(
            desk.known("sub").state.paid_through,
            Some(at("2026-03-10")),
            "{events:?}"
        );
    }
}

/// Conformance: Monthly grants: No period from `paidThrough` on is granted; any event can raise
/// `paidThrough`, and none lowers it
#[test]
fn paid_through_before_an_end_does_not_apply_after_it() {
    for end in [Canceled, Expired] {
        let mut desk = Desk::new("2026-01-10");
        desk.paid("2026-01-10", Active, "pro", Some("2026-06-10"));
        desk.now = at("2026-01-20");
        desk.event("2026-01-20", end, "pro");
        desk.now = at("2026-02-20");
        desk.paid("2026-02-20", Active, "pro", Some("2026-03-10"));
        desk.now = at("2026-04-01");
        assert!(desk.job().is_empty(), "March is not paid");
        assert_eq!(
            desk.granted(),
            months(&[("2026-01-10", 200), ("2026-02-10", 200)])
        );
    }
}

#[test]
fn a_trial_that_is_not_granted_and_a_pause_leave_their_periods_out() {
    for status in [Trialing, Paused] {
        let mut desk = Desk::new("2026-01-10");
        desk.rules.trial_grants = false;
        desk.event("2026-01-10", Active, "pro");
        desk.now = at("2026-01-15");
        desk.event("2026-01-15", status, "pro");
        desk.now = at("2026-04-20");
        assert!(desk.job().is_empty());
        assert_eq!(desk.event("2026-04-20", Active, "pro").amount, 200);
        assert_eq!(
            desk.granted(),
            months(&[("2026-01-10", 200), ("2026-04-10", 200)])
        );
    }
}

#[test]
fn a_repeated_trialing_event_grants_nothing_of_a_trial_that_waits() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.trial_grants = false;
    desk.event("2026-01-10", Active, "pro");
    let is_paid = |desk: &Desk| has_paid_plan(desk.book.subscriptions("u"), &desk.rules, desk.now);
    for day in ["2026-01-15", "2026-02-09", "2026-02-11", "2026-03-20"] {
        desk.now = at(day);
        assert_eq!(desk.event(day, Trialing, "pro").amount, 0, "{day}");
        assert_eq!(desk.known("sub").state.since, at("2026-01-15"));
        assert!(!is_paid(&desk), "{day}");
        assert!(desk.job().is_empty(), "{day}");
    }
    assert_eq!(desk.granted(), months(&[("2026-01-10", 200)]));
}

#[test]
fn past_due_does_not_run_if_nothing_ran_before_it() {
    for before in [None, Some(Paused), Some(Canceled)] {
        let mut desk = Desk::new("2026-01-05");
        desk.rules.past_due_grace = TimeDelta::days(90);
        if let Some(status) = before {
            desk.event("2026-01-05", status, "pro");
        }
        desk.now = at("2026-01-10");
        assert_eq!(
            desk.event("2026-01-10", PastDue, "pro").amount,
            0,
            "{before:?}"
        );
        desk.now = at("2026-02-10");
        assert!(desk.job().is_empty(), "{before:?}");
    }
}

#[test]
fn a_trial_of_no_duration_does_not_count_as_running() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.past_due_grace = TimeDelta::days(90);
    desk.event("2026-01-10", Trialing, "free");
    let first = desk.granted().len();
    desk.event("2026-01-10", PastDue, "free");
    desk.now = at("2026-02-10");
    assert!(desk.job().is_empty());
    assert_eq!(desk.granted().len(), first);
}

#[test]
fn the_free_plan_is_withheld_only_if_another_subscription_runs_at_the_start() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(Action::RegistrationBonus);
    desk.now = at("2026-02-01");
    desk.event("2026-02-01", Active, "pro");
    desk.now = at("2026-02-09");
    desk.event("2026-02-09", Paused, "pro");
    desk.now = at("2026-03-09");
    desk.event("2026-03-09", Active, "pro");
    desk.now = at("2026-03-10");
    desk.send(consume(1));
    let skipped: Vec<_> = desk
        .book
        .postings()
        .iter()
        .filter(|posting| posting.subscription_id.as_deref() == Some("free:u"))
        .map(|posting| (posting.amount, posting.detail.skipped))
        .collect();
    assert_eq!(skipped, [(10, None), (0, Some(Skipped::PaidPlan))]);
}
