//! Every command for a wallet first grants the periods that are due.

use ledger::{
    Action, Book, Expire, Promotion, Refusal, StatusChange, Subscription,
    SubscriptionStatus::{Active, Canceled, PastDue},
    TransactionType,
};
use uuid::Uuid;

use crate::desk::{Desk, at, code, consume, months, settled};

/// The period starts at 10:00. The subscriber spends its credits a second later.
#[test]
fn a_consume_grants_the_periods_that_are_due_first() {
    let mut desk = Desk::new("2026-01-10T10:00:00");
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = None;
    desk.event("2026-01-10T10:00:00", Active, "pro");
    desk.now = at("2026-02-10T10:00:01");
    let spent = desk.send(consume(150));
    assert_eq!(
        (code(&spent), spent.amount, spent.available),
        (None, -150, Some(50))
    );
    assert_eq!(
        spent.transactions.len(),
        1,
        "the grant is no part of the outcome"
    );
    let kinds: Vec<_> = desk.book.postings()[2..]
        .iter()
        .map(|posting| (posting.kind, posting.amount, posting.related_id))
        .collect();
    let expected = [
        (TransactionType::MonthlyGrant, 200, None),
        (TransactionType::Consumption, -150, None),
    ];
    assert_eq!(kinds, expected);
    let next = desk.book.wallet("u").expect("a wallet").next_due_at;
    assert_eq!(next, Some(at("2026-03-10T10:00:00")));
    assert!(desk.job().is_empty());
}

#[test]
fn every_command_first_grants_the_due_periods_even_if_it_is_refused() {
    let freeze = Action::Freeze(StatusChange {
        reason: "chargeback".to_owned(),
        actor: "ops".to_owned(),
    });
    let promotion = Action::Promotion(Promotion {
        amount: 5,
        validity_days: None,
    });
    let cutoff = at("2026-01-01");
    let commands = [
        consume(1_000),
        consume(1),
        freeze,
        promotion,
        Action::Expire(Expire { cutoff }),
    ];
    for action in commands {
        let mut desk = Desk::new("2026-01-10");
        desk.event("2026-01-10", Active, "pro");
        desk.now = at("2026-03-10");
        let outcome = desk.send(action.clone());
        let granted = desk.granted();
        assert_eq!(granted.len(), 3, "{action:?}");
        assert_eq!(desk.balance(), 600 + outcome.amount, "{action:?}");
        assert!(desk.job().is_empty(), "{action:?}");
    }
}

#[test]
fn a_known_reference_grants_nothing() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    let sent = desk.command(None, consume(1));
    settled(desk.decide(&sent));
    desk.now = at("2026-02-10");
    assert!(settled(desk.decide(&sent)).replayed);
    assert_eq!(desk.granted().len(), 1);
}

#[test]
fn a_period_refused_by_the_cap_reports_the_clipped_credits() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.max_user_balance = 0;
    let event = desk.event("2026-01-10", Active, "pro");
    assert_eq!(
        (event.amount, event.clipped, code(&event)),
        (0, Some(200), None)
    );
    desk.now = at("2026-02-10");
    let job = &desk.job()[0];
    assert_eq!(code(job), Some(Refusal::MaxBalanceReached));
    assert_eq!((job.amount, job.clipped), (0, Some(200)));
    desk.now = at("2026-03-10");
    assert_eq!(
        code(&desk.send(consume(1))),
        Some(Refusal::InsufficientCredits)
    );
    let last = &desk.book.postings()[desk.book.postings().len() - 2];
    assert_eq!(
        (last.kind, last.detail.clipped),
        (TransactionType::MonthlyGrant, Some(200))
    );
    desk.rules.max_user_balance = 10_000;
    assert!(desk.job().is_empty(), "it is not tried again");
}

#[test]
fn an_outcome_sums_the_clipped_credits_of_all_its_periods() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.max_user_balance = 250;
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-05");
    desk.event("2026-02-05", PastDue, "pro");
    desk.now = at("2026-03-10");
    let event = desk.event("2026-03-10", Active, "pro");
    assert_eq!((event.amount, event.clipped), (50, Some(150 + 200)));
}

/// The free plan is disabled and enabled again between two periods.
#[test]
fn a_plan_that_was_disabled_for_a_while_is_granted_when_its_next_period_starts() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(Action::RegistrationBonus);
    desk.rules.plans.get_mut("free").expect("free").enabled = false;
    desk.now = at("2026-01-12");
    desk.event("2026-01-12", Canceled, "pro");
    desk.rules.plans.get_mut("free").expect("free").enabled = true;
    desk.now = at("2026-02-10");
    desk.send(consume(1));
    assert_eq!(desk.granted(), months(&[("2026-02-10", 10)]));
}

/// With a cap, the order decides which plan's credits fit.
#[test]
fn grants_do_not_depend_on_the_order_in_which_subscriptions_are_read() {
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    desk.send(Action::RegistrationBonus);
    let known = desk.book.subscriptions("u").to_vec();
    desk.rules.max_user_balance = 225;
    desk.now = at("2026-02-10");
    let settled = |order: Vec<&Subscription>| {
        let mut book = Book::default();
        book.add_wallet(desk.book.wallet("u").expect("a wallet").clone());
        for subscription in order {
            book.add_subscription(subscription.clone());
        }
        let mut ids = 100;
        let granted = book.settle("u", &desk.rules, desk.now, &mut || {
            ids += 1;
            Uuid::from_u128(ids)
        });
        granted.expect("a consistent book").to_vec()
    };
    let forward = settled(known.iter().collect());
    assert_eq!(forward.len(), 2);
    assert_eq!(settled(known.iter().rev().collect()), forward);
}

#[test]
fn at_most_120_periods_are_granted_by_one_command_and_the_next_one_goes_on() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.max_user_balance = 1_000_000;
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(36_500);
    desk.event("2010-01-10", Active, "pro");
    desk.now = at("2026-01-10T00:15:00");
    for granted in [120, 16 * 12 + 1] {
        desk.send(consume(1));
        assert_eq!(desk.granted().len(), granted);
    }
    assert!(desk.job().is_empty());
}
