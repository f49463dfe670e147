//! Grants after events that are dated in the future.

use chrono::TimeDelta;
use ledger::{
    Action,
    SubscriptionStatus::{Active, Canceled},
    SubscriptionUpdate,
};

use crate::desk::{Desk, at, consume, months, settled, subscription};

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn an_event_that_is_dated_ahead_shortens_no_wait() {
    let mut desk = Desk::new("2026-01-10T12:00:00");
    desk.event("2025-12-10T11:00:00", Active, "pro");
    assert!(desk.granted().is_empty());
    desk.now = at("2026-01-10T12:12:00");
    let mut ahead = subscription(Active, "basic", None);
    if let Action::Subscription(update) = &mut ahead {
        "other".clone_into(&mut update.subscription_id);
    }
    let command = desk.command(Some(at("2026-01-10T12:17:00")), ahead);
    assert_eq!(settled(desk.decide(&command)).amount, 10);
    desk.now = at("2026-01-10T12:15:00");
    desk.send(consume(1));
    assert_eq!(desk.granted().len(), 3);
}

#[test]
fn an_event_that_is_dated_ahead_keeps_the_time_that_it_claimed_and_others_keep_none() {
    let mut desk = Desk::new("2026-01-10");
    for (when, claimed) in [
        ("2026-01-10T00:04:00", true),
        ("2026-01-10", false),
        ("2026-01-01", false),
    ] {
        let posted = desk.book.postings().len();
        desk.event(when, Active, "pro");
        let expected = claimed.then(|| at(when));
        assert_eq!(
            desk.book.postings()[posted].audit.claimed_at,
            expected,
            "{when}"
        );
    }
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn an_event_that_is_dated_ahead_hides_no_cancellation() {
    let mut desk = Desk::new("2026-01-10");
    let ahead = desk.command(
        Some(at("2026-01-10T00:04:00")),
        subscription(Active, "pro", None),
    );
    settled(desk.decide(&ahead));
    desk.now = at("2026-01-10T00:01:00");
    let canceled = desk.event("2026-01-10T00:01:00", Canceled, "pro");
    assert!(!canceled.stale);
    assert_eq!(desk.known("sub").state.status, Canceled);
    desk.now = at("2026-03-10");
    assert!(desk.job().is_empty());
    assert_eq!(desk.granted(), months(&[("2026-01-10", 200)]));
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn an_event_that_is_dated_ahead_grants_a_period_that_starts_within_five_minutes() {
    for (minutes, granted) in [(4, 1), (5, 1), (6, 0)] {
        let mut desk = Desk::new("2026-01-10");
        let dated = desk.now + TimeDelta::minutes(minutes);
        let action = Action::Subscription(SubscriptionUpdate {
            quantity: None,
            subscription_id: "sub".to_owned(),
            plan: "pro".to_owned(),
            status: Active,
            anchor: Some(dated),
            paid_through: None,
        });
        let command = desk.command(Some(dated), action);
        settled(desk.decide(&command));
        assert_eq!(desk.granted().len(), granted, "{minutes}");
        assert_eq!(desk.known("sub").state.reported_at, desk.now);
    }
}
