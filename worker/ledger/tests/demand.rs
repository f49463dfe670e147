//! The maximum number of credits that a command may take. It bounds the batches that are read for
//! it.

use ledger::{
    Action, Capture, Consume, Hold, MAX_AMOUNT, Price, Promotion, Revoke, RevokeExtent,
    RevokeTarget, Rules,
};

use crate::desk::{Desk, consume};

fn demand(rules: &Rules, action: Action) -> i64 {
    let command = Desk::new("2026-03-01").command(None, action);
    rules.demand(&command, std::iter::empty(), &[])
}

#[test]
fn a_consumption_demands_its_cost() {
    let mut rules = Rules::default();
    let tokens = Price {
        credits: 1,
        per: 1000,
    };
    rules.prices.insert("llm:tokens".to_owned(), tokens);
    let priced = |service: &str, quantity| {
        Action::Consume(Consume {
            service: service.to_owned(),
            amount: None,
            quantity,
        })
    };
    assert_eq!(demand(&rules, consume(7)), 7);
    assert_eq!(demand(&rules, priced("llm:tokens", Some(2_417))), 3);
    assert_eq!(demand(&rules, priced("llm:tokens", None)), 1);
    assert_eq!(
        demand(&rules, priced("none", Some(5))),
        0,
        "it is refused by the configuration"
    );
    assert_eq!(demand(&rules, consume(MAX_AMOUNT)), MAX_AMOUNT);
    assert_eq!(demand(&rules, Action::RegistrationBonus), 0);
}

/// It may take from the batches that other commands of the group count on.
#[test]
fn a_revocation_demands_all_batches() {
    let revoke = Action::Revoke(Revoke {
        target: RevokeTarget::Reference("g".to_owned()),
        extent: RevokeExtent::Amount(1),
    });
    assert_eq!(demand(&Rules::default(), revoke), i64::MAX);
}

#[test]
fn a_hold_demands_its_cost_and_a_capture_what_its_hold_says() {
    let mut desk = Desk::new("2026-03-01");
    let hold = |amount, quantity| {
        Action::Hold(Hold {
            service: "google:chat".to_owned(),
            amount,
            quantity,
            expires_at: None,
            expires_in_seconds: None,
        })
    };
    let capture = |amount, quantity| {
        Action::Capture(Capture {
            hold: "r0".to_owned(),
            amount,
            quantity,
            is_final: None,
            overrun: None,
            late: None,
        })
    };
    assert_eq!(demand(&desk.rules, hold(None, Some(4))), 8);
    assert_eq!(demand(&desk.rules, capture(Some(7), None)), 7);
    assert_eq!(
        demand(&desk.rules, capture(None, Some(7))),
        0,
        "there is no such hold"
    );
    let made = desk.command(None, hold(Some(9), None));
    let group = [made.clone()];
    let in_group = |quantity| {
        let used = desk.command(None, capture(None, quantity));
        desk.rules.demand(&used, std::iter::empty(), &group)
    };
    assert_eq!((in_group(None), in_group(Some(7))), (9, 14));
    let gift = Action::Promotion(Promotion {
        amount: 20,
        validity_days: None,
    });
    let mut funded = desk.command(None, gift);
    "gift".clone_into(&mut funded.reference_id);
    desk.decide(&funded);
    desk.decide(&made);
    desk.rules
        .prices
        .insert("google:chat".to_owned(), Price::each(100));
    let wallet = desk.book.wallet("u").expect("a wallet");
    let stored = |quantity| {
        let used = desk.command(None, capture(None, quantity));
        desk.rules.demand(&used, wallet.holds(), &[])
    };
    assert_eq!(
        (stored(None), stored(Some(7))),
        (9, 14),
        "at the price of the hold"
    );
}
