//! The model follows the rules of the book.

use super::*;

#[test]
fn a_wallet_gets_credits_spends_them_and_is_frozen() {
    let mut wallet = Wallet::default();
    for intent in [Intent::Spend(1), Intent::Freeze, Intent::Unfreeze] {
        let refused = Decided::refused("wallet_not_found");
        assert_eq!(
            wallet.decide("r", &intent, &Decided::default()),
            refused,
            "{intent:?}"
        );
    }
    let amounts: Vec<i64> = [
        Intent::Register,
        Intent::Package("lite"),
        Intent::Begin(1),
        Intent::Begin(1),
        Intent::Spend(30),
        Intent::Refund("r4".to_owned(), Some(10)),
        Intent::Refund("r4".to_owned(), Some(21)),
        Intent::Refund("r4".to_owned(), None),
        Intent::Refund("r4".to_owned(), None),
        Intent::Spend(30),
        Intent::End(1),
    ]
    .iter()
    .enumerate()
    .map(|(nth, intent)| {
        wallet
            .decide(&format!("r{nth}"), intent, &Decided::default())
            .amount
    })
    .collect();
    assert_eq!(
        (amounts, wallet.balance),
        (vec![20, 100, 0, 0, -30, 10, 0, 20, 0, -30, 0], 300)
    );
    assert_eq!(
        wallet.decide("r", &Intent::Spend(301), &Decided::default()),
        Decided::refused("insufficient_credits")
    );
    wallet.decide("r", &Intent::Freeze, &Decided::default());
    assert_eq!(
        wallet.decide("r", &Intent::Spend(1), &Decided::default()),
        Decided::refused("wallet_frozen")
    );
    wallet.decide("r", &Intent::Unfreeze, &Decided::default());
    assert_eq!(
        wallet
            .decide("r", &Intent::Spend(300), &Decided::default())
            .amount,
        -300
    );
}

#[test]
fn a_hold_reserves_credits_until_it_is_captured_or_released() {
    let mut wallet = Wallet::default();
    let hold = |name: &str, credits| Intent::Hold(name.to_owned(), credits);
    let capture = |name: &str, credits, is_final| Intent::Capture {
        hold: name.to_owned(),
        credits,
        is_final,
    };
    let release = |name: &str| Intent::Release(name.to_owned());
    wallet.decide("r", &Intent::Register, &Decided::default());
    for (intent, refused, amount, held) in [
        (hold("a", 15), None, 0, 15),
        (hold("b", 6), Some("insufficient_credits"), 0, 15),
        (Intent::Spend(6), Some("insufficient_credits"), 0, 15),
        (capture("b", 1, true), Some("hold_not_found"), 0, 15),
        (capture("a", 4, false), None, -4, 11),
        (capture("a", 17, true), Some("insufficient_credits"), 0, 11),
        (capture("a", 12, true), None, -12, 0),
        (capture("a", 1, true), Some("hold_closed"), 0, 0),
        (hold("c", 4), None, 0, 4),
        (release("c"), None, 0, 0),
        (release("c"), Some("hold_closed"), 0, 0),
    ] {
        let decided = wallet.decide("r", &intent, &Decided::default());
        let expected = (refused.map(ToOwned::to_owned), amount, held);
        assert_eq!((decided.refused, decided.amount, wallet.held()), expected);
    }
    assert_eq!(wallet.balance, 4);
}

#[test]
fn a_revocation_takes_what_is_left_and_the_rest_is_owed_until_it_is_repaid() {
    let mut wallet = Wallet::default();
    let revoke = |credits| Intent::Revoke("bought".to_owned(), credits);
    let reinstate = |of: &str| Intent::Reinstate(of.to_owned());
    // reference, intent, observed amount and repaid credits; expected refusal, amount, repaid
    // credits, balance, debt
    for (reference, intent, observed, refused, expected) in [
        ("bought", Intent::Credits(40), (40, 0), None, (40, 0, 40, 0)),
        ("spent", Intent::Spend(15), (-15, 0), None, (-15, 0, 25, 0)),
        ("a", revoke(Some(30)), (-25, 0), None, (-25, 0, 0, 5)),
        ("b", Intent::Promotion(2), (2, 2), None, (2, 2, 0, 3)),
        (
            "c",
            revoke(Some(11)),
            (0, 0),
            Some("revoke_exceeds_credits"),
            (0, 0, 0, 3),
        ),
        (
            "d",
            reinstate("none"),
            (0, 0),
            Some("original_not_found"),
            (0, 0, 0, 3),
        ),
        // The 2 that repaid it return, and the 3 that are open are cancelled.
        ("e", reinstate("a"), (27, 0), None, (27, 0, 27, 0)),
        (
            "f",
            reinstate("a"),
            (0, 0),
            Some("already_reinstated"),
            (0, 0, 27, 0),
        ),
        ("g", revoke(None), (-25, 0), None, (-25, 0, 2, 15)),
        (
            "h",
            revoke(None),
            (0, 0),
            Some("revoke_exceeds_credits"),
            (0, 0, 2, 15),
        ),
        (
            "i",
            Intent::Refund("spent".to_owned(), None),
            (15, 15),
            None,
            (15, 15, 2, 0),
        ),
    ] {
        let (amount, repaid) = observed;
        let observed = Decided {
            refused: None,
            amount,
            repaid,
        };
        let decided = wallet.decide(reference, &intent, &observed);
        assert_eq!(decided.refused.as_deref(), refused, "{reference}");
        let found = (decided.amount, decided.repaid, wallet.balance, wallet.debt);
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn an_outcome_outside_the_bounds_of_the_rules_is_not_expected() {
    let mut wallet = Wallet::default();
    let observed = |amount| Decided {
        amount,
        ..Decided::default()
    };
    wallet.decide("bought", &Intent::Credits(10), &observed(10));
    let revoke = Intent::Revoke("bought".to_owned(), Some(4));
    assert_eq!(wallet.decide("a", &revoke, &observed(-5)).amount, -4);
    let reinstate = Intent::Reinstate("a".to_owned());
    assert_eq!(wallet.decide("b", &reinstate, &observed(3)).amount, 4);
}
