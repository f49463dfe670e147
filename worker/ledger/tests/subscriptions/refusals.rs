//! Grants and events that are clipped or refused.

use ledger::{
    Action, Consume, Decision, Refusal, StatusChange,
    SubscriptionStatus::{Active, Canceled},
};

use super::{Desk, at, code, monthly, settled, subscription};

#[test]
fn a_period_that_is_not_due_is_refused_and_not_recorded() {
    let mut desk = Desk::new();
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-03-15");
    for start in ["2026-01-09", "2026-02-11", "2026-04-10"] {
        let outcome = settled(desk.decide(&monthly("u", "sub", at(start))));
        assert_eq!(code(&outcome), Some(Refusal::NotDue), "{start}");
    }
    let unknown = settled(desk.decide(&monthly("u", "other", at("2026-02-10"))));
    assert_eq!(code(&unknown), Some(Refusal::NotDue));
    assert_eq!(desk.job().len(), 2);
}

/// Conformance: Balance cap: A free grant is clipped to the cap and reports `granted` and
/// `clipped`; it fails with `max_balance_reached` if nothing fits
#[test]
fn a_grant_is_clipped_to_the_cap_and_a_full_wallet_is_not_retried() {
    let mut desk = Desk::new();
    desk.rules.max_user_balance = 250;
    desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
    desk.event("2026-01-10", Active, "pro");
    desk.now = at("2026-02-10");
    let clipped = &desk.job()[0];
    assert_eq!((clipped.amount, clipped.clipped), (50, Some(150)));
    desk.now = at("2026-03-10");
    let full = &desk.job()[0];
    assert_eq!(code(full), Some(Refusal::MaxBalanceReached));
    assert_eq!((full.amount, full.clipped), (0, Some(200)));
    let row = desk.book.postings().last().expect("the row of the refusal");
    assert_eq!(row.subscription_id.as_deref(), Some("sub"));
    assert_eq!(row.period_start, Some(at("2026-03-10")));
    assert!(desk.job().is_empty(), "it is not tried again");
    assert_eq!(desk.known().state.due_at, Some(at("2026-04-10")));
}

/// Conformance: Idempotency: A refusal decided by the configuration is answered but not stored
/// Conformance: Monthly grants: Periods of a disabled or unknown plan stay due
#[test]
fn a_plan_that_is_off_or_unknown_leaves_its_periods_due() {
    for broken in [true, false] {
        let mut desk = Desk::new();
        desk.rules.plans.get_mut("pro").expect("pro").validity_days = Some(365);
        desk.event("2026-01-10", Active, "pro");
        let good = desk.rules.plans.clone();
        if broken {
            desk.rules.plans.remove("pro");
        } else {
            desk.rules.plans.get_mut("pro").expect("pro").enabled = false;
        }
        desk.now = at("2026-02-10");
        let expected = if broken {
            Refusal::UnknownPlan
        } else {
            Refusal::PlanDisabled
        };
        assert_eq!(code(&desk.job()[0]), Some(expected));
        assert_eq!(desk.known().state.due_at, Some(at("2026-02-10")));
        desk.rules.plans = good;
        assert_eq!(
            desk.job()[0].amount,
            200,
            "caught up when the plan is fixed"
        );
    }
}

/// Conformance: Commands: A subscription event that cannot be applied becomes a dead letter
/// `unapplied:{code}`
#[test]
fn an_event_that_cannot_be_applied_is_kept_because_it_was_paid_for() {
    let mut desk = Desk::new();
    let unapplied = |decision| match decision {
        Decision::Unapplied(refused) => refused.code,
        Decision::Settled(outcome) => panic!("{outcome:?}"),
    };
    let decision = desk.send("u", None, subscription("sub", "gold", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::UnknownPlan);
    desk.rules.plans.get_mut("pro").expect("pro").enabled = false;
    let decision = desk.send("u", None, subscription("sub", "pro", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::PlanDisabled);
    assert!(desk.book.wallet("u").is_none() && desk.book.postings().is_empty());
    desk.event("2026-01-10", Canceled, "gold");
    let decision = desk.send("v", None, subscription("sub", "free", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::SubscriptionConflict);
    desk.rules.enabled = false;
    let decision = desk.send("u", None, subscription("sub", "free", Active, None, None));
    assert_eq!(unapplied(decision), Refusal::CreditsDisabled);
}

#[test]
fn a_frozen_wallet_cannot_spend_but_still_receives_credits() {
    let mut desk = Desk::new();
    let freeze = || {
        Action::Freeze(StatusChange {
            reason: "chargeback".to_owned(),
            actor: "ops".to_owned(),
        })
    };
    let unfreeze = || {
        Action::Unfreeze(StatusChange {
            reason: "won".to_owned(),
            actor: "ops".to_owned(),
        })
    };
    let consume = || {
        Action::Consume(Consume {
            service: "google:chat".to_owned(),
            amount: None,
            quantity: None,
        })
    };
    assert_eq!(
        code(&settled(desk.send("u", None, freeze()))),
        Some(Refusal::WalletNotFound)
    );
    desk.event("2026-01-10", Active, "pro");
    assert_eq!(code(&settled(desk.send("u", None, freeze()))), None);
    assert_eq!(
        code(&settled(desk.send("u", None, freeze()))),
        None,
        "a second freeze changes nothing"
    );
    assert_eq!(
        code(&settled(desk.send("u", None, consume()))),
        Some(Refusal::WalletFrozen)
    );
    desk.now = at("2026-02-10");
    assert_eq!(desk.job()[0].amount, 200);
    assert_eq!(code(&settled(desk.send("u", None, unfreeze()))), None);
    assert_eq!(settled(desk.send("u", None, consume())).amount, -2);
}
