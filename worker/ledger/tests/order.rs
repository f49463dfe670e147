//! The order in which events arrive does not matter.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Decision, Event, Origin, Plan, Rules, Subscription, SubscriptionState,
    SubscriptionStatus, SubscriptionUpdate, TransactionType, Wallet,
};
use proptest::prelude::*;
use strum::VariantArray;
use uuid::Uuid;

const NOW: i64 = 1_767_225_600;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("an instant")
}

fn rules(trial_grants: bool, grace_days: i64) -> Rules {
    let plan = |credits| Plan {
        enabled: true,
        credits,
        validity_days: Some(36_500),
    };
    let plans = [("basic", plan(10)), ("pro", plan(200)), ("max", plan(700))];
    Rules {
        plans: plans.map(|(name, plan)| (name.to_owned(), plan)).into(),
        max_user_balance: 1_000_000,
        trial_grants,
        past_due_grace: TimeDelta::days(grace_days),
        ..Rules::default()
    }
}

/// At the same instant ends come last, and `active` comes before them.
fn rank(status: SubscriptionStatus) -> u8 {
    match status {
        SubscriptionStatus::Canceled | SubscriptionStatus::Expired => 2,
        SubscriptionStatus::Active => 1,
        _ => 0,
    }
}

/// An event of the last 200 days. Sometimes two events have the same instant.
fn event() -> impl Strategy<Value = Event> {
    let plan = prop_oneof![Just("basic"), Just("pro"), Just("max")];
    // An event of today would not be late and would grant at once.
    let days = prop_oneof![1..200_i64, 1..20_i64];
    let status = proptest::sample::select(SubscriptionStatus::VARIANTS);
    let paid = proptest::option::weighted(0.4, -200..100_i64);
    let anchor = -300..-50_i64;
    (days, status, plan, paid, anchor).prop_map(|(days, status, plan, paid, anchor)| {
        let day = |days| now() + TimeDelta::days(days);
        Event {
            at: day(-days),
            applied_at: day(-days),
            status,
            plan: plan.to_owned(),
            quantity: None,
            anchor: Some(day(anchor)),
            paid_through: paid.map(day),
        }
    })
}

/// Events with distinct pairs of instant and rank, sorted and shuffled.
fn events() -> impl Strategy<Value = (Vec<Event>, Vec<Event>)> {
    proptest::collection::vec(event(), 1..9).prop_flat_map(|events| {
        let distinct: BTreeMap<_, _> = events
            .into_iter()
            .map(|event| ((event.at, rank(event.status)), event))
            .collect();
        let events: Vec<_> = distinct.into_values().collect();
        (Just(events.clone()), Just(events).prop_shuffle())
    })
}

/// A subscription that has received these events and no grant.
fn stored(events: Vec<Event>, rules: &Rules) -> Subscription {
    let any = SubscriptionState {
        plan: String::new(),
        status: SubscriptionStatus::Active,
        since: now(),
        reported_at: now(),
        activated_at: None,
        ended_at: None,
        paid_through: None,
        due_at: None,
    };
    let ids = || ("sub".to_owned(), "u".to_owned());
    let (anchor, state) =
        Subscription::stored(ids(), now(), (any, None), events.clone(), BTreeSet::new())
            .derived(rules);
    Subscription::stored(ids(), anchor, (state, None), events, BTreeSet::new())
}

/// The grants if all events are known before the first grant: start, plan and credits.
fn granted(subscription: Subscription, rules: &Rules) -> Vec<(DateTime<Utc>, String, i64)> {
    let mut book = Book::default();
    let mut wallet = Wallet::new(Uuid::from_u128(1), "u".to_owned());
    wallet.next_due_at = subscription.next_due_at(rules, now());
    book.add_wallet(wallet);
    book.add_subscription(subscription);
    let mut ids = 1;
    let postings = book.settle("u", rules, now(), &mut || {
        ids += 1;
        Uuid::from_u128(ids)
    });
    let starts: Vec<_> = postings
        .expect("a consistent book")
        .iter()
        .map(|posting| {
            (
                posting.id,
                posting.period_start.expect("a period"),
                posting.amount,
            )
        })
        .collect();
    let batches = book.wallet("u").expect("a wallet").batches();
    let plan = |id| {
        let batch = batches.iter().find(|batch| batch.transaction_id == id);
        batch
            .and_then(|batch| batch.source_plan.clone())
            .expect("a plan")
    };
    starts
        .into_iter()
        .map(|(id, start, amount)| (start, plan(id), amount))
        .collect()
}

/// Start and credits of all granted periods, in order of their start.
fn granted_periods(book: &Book) -> Vec<(DateTime<Utc>, i64)> {
    let grants = book.postings().iter();
    let grants = grants.filter(|posting| posting.kind == TransactionType::MonthlyGrant);
    let mut periods: Vec<_> = grants
        .map(|posting| (posting.period_start.expect("a period"), posting.amount))
        .collect();
    periods.sort_unstable();
    periods
}

/// A book that has received these events one after the other, and the time 15 minutes later.
fn sent(events: &[Event], rules: &Rules) -> Book {
    let mut book = Book::default();
    let mut ids = 0;
    for (nth, event) in events.iter().enumerate() {
        let command = Command {
            sender: None,
            origin: Origin::Funding,
            reference_id: format!("{nth}"),
            user_id: "u".to_owned(),
            occurred_at: Some(event.at),
            received_at: Some(now()),
            description: None,
            metadata: None,
            action: Action::Subscription(SubscriptionUpdate {
                subscription_id: "sub".to_owned(),
                plan: event.plan.clone(),
                quantity: None,
                status: event.status,
                anchor: event.anchor,
                paid_through: event.paid_through,
            }),
        };
        let decision = book.decide(&command, rules, now(), &mut || {
            ids += 1;
            Uuid::from_u128(ids)
        });
        let decision = decision.expect("a consistent book");
        assert!(matches!(decision, Decision::Settled(_)), "{decision:?}");
    }
    let later = now() + TimeDelta::minutes(15);
    let settled = book.settle("u", rules, later, &mut || {
        ids += 1;
        Uuid::from_u128(ids)
    });
    settled.expect("a consistent book");
    let due = book.subscriptions("u")[0].due_periods(rules, later);
    assert_eq!(due, [], "all that is due was granted");
    book
}

proptest! {
    /// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a
    /// late event arrives wait 15 minutes
    #[test]
    fn all_events_together_grant_the_same_in_any_order_of_arrival(
        (sorted, shuffled) in events(),
        trial_grants in any::<bool>(),
        grace_days in 0..40_i64,
    ) {
        let rules = rules(trial_grants, grace_days);
        let [sorted, shuffled] = [sorted, shuffled].map(|events| stored(events, &rules));
        prop_assert_eq!(shuffled.anchor, sorted.anchor);
        prop_assert_eq!(&shuffled.state, &sorted.state);
        prop_assert_eq!(granted(shuffled, &rules), granted(sorted, &rules));
    }

    /// Conformance: Commands: Grants do not depend on arrival order: periods already begun when a
    /// late event arrives wait 15 minutes
    #[test]
    fn events_sent_in_any_order_lead_to_the_same_state_and_grants(
        (sorted, shuffled) in events(),
        trial_grants in any::<bool>(),
        grace_days in 0..40_i64,
    ) {
        let rules = rules(trial_grants, grace_days);
        let [in_order, out_of_order] = [&sorted, &shuffled].map(|events| sent(events, &rules));
        let state = |book: &Book| {
            let known = &book.subscriptions("u")[0];
            (known.anchor, known.state.clone())
        };
        prop_assert_eq!(state(&out_of_order), state(&in_order));
        let at_once = granted(stored(sorted, &rules), &rules);
        let at_once: Vec<_> = at_once
            .into_iter()
            .map(|(start, _, amount)| (start, amount))
            .collect();
        prop_assert_eq!(granted_periods(&in_order), at_once.clone());
        prop_assert_eq!(granted_periods(&out_of_order), at_once);
    }
}
