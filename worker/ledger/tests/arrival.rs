//! Grants after events that are late, reordered or replayed.

use chrono::TimeDelta;
use ledger::{
    Action, Command, Decision, Item, Promotion, Purchase, Refusal,
    SubscriptionStatus::{self, Active, Canceled, Trialing},
    SubscriptionUpdate,
};

use crate::desk::{Desk, at, code, consume, months, settled, subscription};

#[test]
fn a_replayed_event_counts_from_its_receipt_and_undoes_no_cancellation() {
    let mut desk = Desk::new("2026-01-10");
    let pro = desk.rules.plans.remove("pro").expect("pro");
    let first = desk.command(None, subscription(Active, "pro", None));
    assert_eq!(
        desk.decide(&first),
        Decision::Unapplied(Refusal::UnknownPlan.into())
    );
    let received_at = Some(desk.now);
    desk.now = at("2026-01-15");
    desk.event("2026-01-15", Canceled, "pro");
    desk.rules.plans.insert("pro".to_owned(), pro);
    desk.now = at("2026-03-20");
    let replayed = Command {
        received_at,
        ..first
    };
    let outcome = settled(desk.decide(&replayed));
    assert!(outcome.stale);
    assert_eq!(desk.known("sub").state.status, Canceled);
    desk.wait();
    assert_eq!(
        desk.granted(),
        months(&[("2026-01-10", 200)]),
        "the subscription ran before the cancellation"
    );
}

#[test]
fn a_replayed_purchase_is_valid_from_when_it_was_received() {
    let mut desk = Desk::new("2026-01-10");
    let item = Item::Credits {
        credits: 100,
        validity_days: Some(30),
    };
    let purchase = Action::Purchase(Purchase {
        quantity: None,
        item,
        purchase_id: "pi_1".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    let mut command = desk.command(None, purchase);
    command.received_at = Some(at("2026-01-10"));
    desk.now = at("2026-01-25");
    settled(desk.decide(&command));
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-02-09")));
}

#[test]
fn lateness_is_measured_from_when_a_command_was_received() {
    let mut desk = Desk::new("2026-01-10");
    let promotion = Action::Promotion(Promotion {
        amount: 5,
        validity_days: Some(10),
    });
    let mut command = desk.command(Some(at("2026-01-01T12:00:00")), promotion);
    command.received_at = Some(at("2026-01-02"));
    settled(desk.decide(&command));
    let batch = &desk.book.wallet("u").expect("a wallet").batches()[0];
    assert_eq!(batch.expires_at, Some(at("2026-01-11T12:00:00")));
}

/// The subscription started 40 days ago and was canceled 19 days ago. One period started before the
/// end and one after it.
#[test]
fn a_period_that_starts_after_the_end_is_not_granted_in_either_order() {
    for swapped in [false, true] {
        let mut desk = Desk::new("2026-03-01");
        desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(30);
        let mut events = [("2026-01-20", Active), ("2026-02-10", Canceled)];
        if swapped {
            events.reverse();
        }
        for (when, status) in events {
            desk.event(when, status, "pro");
        }
        desk.wait();
        assert!(
            desk.granted().is_empty(),
            "swapped: {swapped}, {:?}",
            desk.granted()
        );
    }
}

/// The subscription started 3 hours ago and was canceled 2 hours ago. A period started 1 hour ago.
#[test]
fn a_period_after_the_end_is_not_granted_if_a_short_outage_delays_the_events() {
    for swapped in [false, true] {
        let mut desk = Desk::new("2026-01-10T12:00:00");
        let anchor = Some(at("2025-12-10T11:00:00"));
        let event = |status| {
            Action::Subscription(SubscriptionUpdate {
                quantity: None,
                subscription_id: "sub".to_owned(),
                plan: "pro".to_owned(),
                status,
                anchor,
                paid_through: None,
            })
        };
        let mut events = [
            ("2026-01-10T09:00:00", Active),
            ("2026-01-10T10:00:00", Canceled),
        ];
        if swapped {
            events.reverse();
        }
        for (when, status) in events {
            let command = desk.command(Some(at(when)), event(status));
            settled(desk.decide(&command));
        }
        desk.wait();
        let granted = desk.granted();
        assert_eq!(
            granted,
            months(&[("2025-12-10", 200)]),
            "swapped: {swapped}"
        );
    }
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn the_first_command_after_the_wait_grants_the_waiting_periods() {
    let mut desk = Desk::new("2026-01-10T12:00:00");
    let mut event = subscription(Active, "pro", None);
    if let Action::Subscription(update) = &mut event {
        update.anchor = Some(at("2025-12-10T11:00:00"));
    }
    let command = desk.command(Some(at("2026-01-10T09:00:00")), event);
    settled(desk.decide(&command));
    let wallet = |desk: &Desk| desk.book.wallet("u").expect("a wallet").next_due_at;
    assert_eq!(wallet(&desk), Some(at("2026-01-10T12:15:00")));
    desk.now = at("2026-01-10T12:14:59");
    desk.send(consume(1));
    assert!(desk.job().is_empty());
    assert!(desk.granted().is_empty());
    desk.now = at("2026-01-10T12:15:00");
    desk.send(consume(1));
    assert_eq!(
        desk.granted(),
        months(&[("2025-12-10", 200), ("2026-01-10", 200)])
    );
    assert_eq!(wallet(&desk), Some(at("2026-02-10T11:00:00")));
}

#[test]
fn a_period_that_starts_with_an_event_or_after_its_arrival_does_not_wait() {
    let mut desk = Desk::new("2026-01-10T11:05:00");
    desk.event("2026-01-10T11:00:00", Active, "pro");
    assert_eq!(desk.granted().len(), 1, "it starts with the event");
    desk.now = at("2026-02-10T10:59:59");
    desk.event("2026-02-01", Active, "pro");
    desk.now = at("2026-02-10T11:00:00");
    desk.send(consume(1));
    assert_eq!(
        desk.granted().len(),
        2,
        "it starts after the event was applied"
    );
    desk.now = at("2026-03-10T11:00:00");
    desk.event("2026-03-01", Active, "pro");
    assert_eq!(
        desk.granted().len(),
        2,
        "it starts when the event is applied"
    );
    desk.event("2026-03-10T11:00:00", Active, "pro");
    assert_eq!(
        desk.granted().len(),
        2,
        "others may still come as late as the one before"
    );
    desk.wait();
    assert_eq!(desk.granted().len(), 3);
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn a_period_that_an_event_names_waits_only_if_the_event_is_late() {
    for (applied, granted) in [("11:04:00", 1), ("11:05:00", 1), ("11:05:01", 0)] {
        let mut desk = Desk::new(&format!("2026-01-10T{applied}"));
        let mut event = subscription(Active, "pro", None);
        if let Action::Subscription(update) = &mut event {
            update.anchor = Some(at("2026-01-10T11:03:00"));
        }
        let command = desk.command(Some(at("2026-01-10T11:00:00")), event);
        settled(desk.decide(&command));
        assert_eq!(desk.granted().len(), granted, "{applied}");
        desk.wait();
        assert_eq!(desk.granted().len(), 1, "{applied}");
    }
}

#[test]
fn a_period_that_starts_when_an_event_in_time_is_applied_waits_too() {
    for (applied, granted) in [("11:04:59", 2), ("11:05:00", 1)] {
        let mut desk = Desk::new("2026-01-10T11:05:00");
        desk.event("2026-01-10T11:05:00", Active, "pro");
        desk.now = at(&format!("2026-02-10T{applied}"));
        desk.event("2026-02-10T11:02:00", Active, "pro");
        desk.now = at("2026-02-10T11:05:00");
        desk.job();
        assert_eq!(desk.granted().len(), granted, "{applied}");
        desk.wait();
        assert_eq!(desk.granted().len(), 2, "{applied}");
    }
}

#[test]
fn a_period_that_a_late_event_does_not_name_waits_however_soon_it_starts() {
    let mut desk = Desk::new("2026-01-10T11:04:00");
    desk.event("2026-01-10T11:04:00", Active, "pro");
    desk.now = at("2026-02-10T12:00:00");
    assert_eq!(desk.event("2026-02-10T11:00:00", Active, "pro").amount, 0);
    desk.now = at("2026-02-10T12:15:00");
    desk.send(consume(1));
    assert_eq!(desk.granted().len(), 2);
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
///
/// The event is a month late, and the next period starts a few minutes after it is applied.
#[test]
fn a_period_that_starts_while_an_earlier_one_waits_is_granted_when_it_starts() {
    let mut desk = Desk::new("2026-02-09T23:55:00");
    let mut event = subscription(Active, "pro", None);
    if let Action::Subscription(update) = &mut event {
        update.anchor = Some(at("2025-12-10"));
    }
    let command = desk.command(Some(at("2026-01-05")), event);
    assert_eq!(settled(desk.decide(&command)).amount, 0);
    desk.now = at("2026-02-10");
    assert_eq!(code(&desk.send(consume(200))), None);
    desk.now = at("2026-02-10T00:10:00");
    assert_eq!(
        code(&desk.send(consume(400))),
        None,
        "December's and January's waited"
    );
}

#[test]
fn an_older_event_of_an_unknown_plan_is_kept_as_a_dead_letter_too() {
    let mut desk = Desk::new("2026-01-20");
    desk.event("2026-01-20", Canceled, "pro");
    for status in [Active, Trialing] {
        let command = desk.command(Some(at("2026-01-10")), subscription(status, "gold", None));
        assert_eq!(
            desk.decide(&command),
            Decision::Unapplied(Refusal::UnknownPlan.into())
        );
    }
}

/// An event: its time, status, plan, `paid_through` and anchor.
type SentEvent<'a> = (
    &'a str,
    SubscriptionStatus,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
);

/// The grants after these events arrived within 15 minutes, for each order of arrival.
fn granted_in_each_order(now: &str, events: &[SentEvent<'_>]) -> Vec<Vec<(String, i64)>> {
    let mut orders = vec![Vec::new()];
    for event in events {
        let longer = orders.iter().flat_map(|order: &Vec<SentEvent<'_>>| {
            (0..=order.len()).map(|position| {
                let mut longer = order.clone();
                longer.insert(position, *event);
                longer
            })
        });
        orders = longer.collect();
    }
    let granted = orders.iter().map(|order| {
        let mut desk = Desk::new(now);
        for (when, status, plan, paid_through, anchor) in order {
            desk.now += TimeDelta::minutes(2);
            let mut action = subscription(*status, plan, *paid_through);
            if let Action::Subscription(update) = &mut action {
                update.anchor = anchor.map(at);
            }
            let command = desk.command(Some(at(when)), action);
            settled(desk.decide(&command));
        }
        desk.wait();
        desk.granted()
    });
    granted.collect()
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn a_later_event_that_arrives_before_an_end_grants_no_period_after_that_end() {
    let anchor = Some("2026-01-10");
    let events = [
        ("2026-01-10", Active, "pro", Some("2026-02-10"), anchor),
        ("2026-01-15", Canceled, "pro", None, anchor),
        ("2026-04-19", Active, "pro", Some("2026-05-10"), anchor),
    ];
    for granted in granted_in_each_order("2026-04-20", &events) {
        assert_eq!(granted, months(&[("2026-01-10", 200), ("2026-04-10", 200)]));
    }
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn a_change_of_plan_that_arrives_first_changes_no_earlier_period() {
    let anchor = Some("2026-01-10");
    let events = [
        ("2026-01-10", Active, "basic", None, anchor),
        ("2026-01-25", Active, "pro", None, anchor),
    ];
    for granted in granted_in_each_order("2026-01-30", &events) {
        assert_eq!(granted, months(&[("2026-01-10", 10)]));
    }
}

/// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a late
/// event arrives wait 15 minutes
#[test]
fn without_an_anchor_the_earliest_event_begins_the_series_in_any_order() {
    let events = [
        ("2026-01-10", Active, "pro", None, None),
        ("2026-02-24", Active, "pro", None, None),
    ];
    for granted in granted_in_each_order("2026-03-01", &events) {
        assert_eq!(granted, months(&[("2026-01-10", 200), ("2026-02-10", 200)]));
    }
}
