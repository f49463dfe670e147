//! Events that arrive late, out of order or ahead of the clock.

use chrono::TimeDelta;
use ledger::{
    Decision, Refusal,
    SubscriptionStatus::{Active, Canceled, Expired, PastDue, Paused, Trialing},
};

use super::{Desk, at, command, days, monthly, settled, subscription};

#[test]
fn the_same_event_again_repeats_the_whole_outcome() {
    let mut desk = Desk::new();
    let sent = command(
        "evt",
        "u",
        None,
        subscription("sub", "pro", Active, None, None),
    );
    let first = settled(desk.decide(&sent));
    let again = settled(desk.decide(&sent));
    assert!(again.replayed);
    assert_eq!(again.transactions, first.transactions);
    assert_eq!(again.allocations, first.allocations);
    let other = command(
        "evt",
        "u",
        None,
        subscription("sub", "free", Active, None, None),
    );
    assert_eq!(
        desk.decide(&other),
        Decision::Unapplied(Refusal::ReferenceConflict.into())
    );
}

/// Conformance: Commands: Subscription events may arrive in any order; each counts for the time it
/// happened
#[test]
fn a_late_activation_grants_every_period_since_it_happened() {
    let mut desk = Desk::new();
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(90);
    desk.now = at("2026-03-20");
    let outcome = desk.event("2026-01-10", Active, "pro");
    assert_eq!(outcome.amount, 0, "other events may still be on their way");
    desk.now = at("2026-03-20T00:14:59");
    assert!(desk.job().is_empty());
    desk.now = at("2026-03-20T00:15:00");
    desk.job();
    assert_eq!(
        days(&desk.granted()),
        ["2026-01-10", "2026-02-10", "2026-03-10"]
    );
}

/// Conformance: Commands: Subscription events may arrive in any order; each counts for the time it
/// happened
#[test]
fn of_two_events_the_later_one_counts_in_either_order_of_arrival() {
    let mut desk = Desk::new();
    desk.now = at("2026-01-20");
    desk.event("2026-01-12", PastDue, "pro");
    let stale = desk.event("2026-01-11", Paused, "pro");
    assert!(stale.stale && stale.amount == 0);
    assert_eq!(desk.known().state.status, PastDue);
    assert_eq!(desk.known().state.reported_at, at("2026-01-12"));
}

/// Conformance: Commands: Among events of one instant, an end takes precedence over `active`, and
/// `active` over other statuses
#[test]
fn at_the_same_instant_ended_counts_before_active_and_active_before_the_rest() {
    let order = [
        (Canceled, Active),
        (Expired, Active),
        (Active, Trialing),
        (Active, PastDue),
        (Canceled, Paused),
    ];
    for (winner, loser) in order {
        for pair in [[winner, loser], [loser, winner]] {
            let mut desk = Desk::new();
            for status in pair {
                desk.event("2026-01-10", status, "pro");
            }
            assert_eq!(desk.known().state.status, winner, "{pair:?}");
        }
    }
}

/// Conformance: Commands: An activation reported after the end of its subscription is still granted
#[test]
fn an_end_that_arrives_before_the_start_still_grants_the_periods_between() {
    let mut desk = Desk::new();
    desk.now = at("2026-01-20");
    let ended = desk.event("2026-01-15", Canceled, "pro");
    assert_eq!(ended.amount, 0);
    let begun = desk.event("2026-01-10", Active, "pro");
    assert!(begun.stale);
    assert_eq!(begun.amount, 0);
    desk.now = at("2026-01-20T00:15:00");
    assert_eq!(desk.job().len(), 1);
    assert_eq!(desk.known().state.status, Canceled);
    desk.now = at("2026-04-01");
    assert!(desk.job().is_empty());
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn an_event_from_the_far_future_counts_from_when_it_was_received() {
    let mut desk = Desk::new();
    desk.event("2031-01-01", Active, "pro");
    assert_eq!(desk.known().state.reported_at, desk.now);
    desk.now += TimeDelta::minutes(1);
    let now = desk.now;
    settled(desk.send(
        "u",
        Some(now),
        subscription("sub", "pro", Canceled, None, None),
    ));
    assert_eq!(desk.known().state.status, Canceled);
}

/// Conformance: Commands: A subscription event dated ahead counts at most 5 minutes ahead
#[test]
fn a_providers_clock_that_is_ahead_delays_no_grant() {
    let mut desk = Desk::new();
    let ahead = desk.now + TimeDelta::seconds(90);
    let outcome = settled(desk.send(
        "u",
        Some(ahead),
        subscription("sub", "pro", Active, None, None),
    ));
    assert_eq!(outcome.amount, 200);
}

#[test]
fn a_grant_is_issued_at_the_current_time_not_at_the_time_in_the_command() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-11");
    let mut command = monthly("u", "sub", at("2026-02-10"));
    command.occurred_at = Some(at("2026-02-10T12:00:00"));
    settled(desk.decide(&command));
    let issued: Vec<_> = desk
        .book
        .wallet("u")
        .expect("a wallet")
        .batches()
        .iter()
        .map(|batch| batch.issued_at)
        .collect();
    assert_eq!(issued.last(), Some(&desk.now));
}
