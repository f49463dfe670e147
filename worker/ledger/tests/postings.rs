//! The fields of a command's rows other than the movement.

use ledger::{
    Action, Detail, Expire, Item, Origin, Posting, Promotion, Purchase, Registration,
    SubscriptionStatus::Active, TransactionType,
};

use crate::desk::{Desk, at, code, consume, settled, subscription};

/// The last posting of a kind.
fn last(desk: &Desk, kind: TransactionType) -> &Posting {
    let mut postings = desk.book.postings().iter();
    postings
        .rfind(|posting| posting.kind == kind)
        .expect("a posting")
}

fn promotion(amount: i64) -> Action {
    Action::Promotion(Promotion {
        amount,
        validity_days: None,
    })
}

#[test]
fn derived_postings_are_internal_and_do_not_repeat_the_callers_texts() {
    let mut desk = Desk::new("2026-01-10");
    let action = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Package("lite".to_owned()),
        purchase_id: "pi_1".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    for action in [action, subscription(Active, "pro", None)] {
        let mut command = desk.command(None, action);
        command.description = Some("for ada".to_owned());
        command.metadata = Some("{}".to_owned());
        settled(desk.decide(&command));
        let fingerprint = command.fingerprint();
        let own = |posting: &&Posting| posting.reference_id == command.reference_id;
        let own = desk.book.postings().iter().find(own).expect("its own row");
        assert_eq!(own.fingerprint, Some(fingerprint));
        assert_eq!(own.description.as_deref(), Some("for ada"));
        assert_eq!(own.metadata.as_deref(), Some("{}"));
        let derived: Vec<_> = desk
            .book
            .postings()
            .iter()
            .filter(|posting| posting.related_id == Some(own.id))
            .collect();
        assert_eq!(derived.len(), 1);
        assert_eq!(derived[0].origin, Origin::Internal);
        assert_ne!(derived[0].fingerprint, Some(fingerprint));
        assert_eq!(
            (&derived[0].description, &derived[0].metadata),
            (&None, &None)
        );
    }
    assert_eq!(last(&desk, TransactionType::Bonus).fingerprint, None);
}

#[test]
fn a_promotion_reports_the_credits_that_did_not_fit_under_the_cap() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.max_user_balance = 100;
    let whole = desk.send(promotion(70));
    assert_eq!((whole.amount, whole.clipped), (70, None));
    let part = desk.send(promotion(70));
    assert_eq!((part.amount, part.clipped), (30, Some(40)));
    let refused = desk.send(promotion(70));
    assert_eq!(code(&refused), Some(ledger::Refusal::MaxBalanceReached));
}

#[test]
fn a_registration_without_credits_is_not_refused_by_the_cap() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.max_user_balance = 100;
    desk.rules.registration = Registration {
        credits: 0,
        validity_days: None,
    };
    desk.send(promotion(100));
    let registered = desk.send(Action::RegistrationBonus);
    assert_eq!((registered.amount, code(&registered)), (0, None));
}

#[test]
fn a_book_knows_whether_a_period_is_due() {
    let mut desk = Desk::new("2026-01-10");
    assert!(!desk.book.is_due(desk.now), "there is no wallet");
    desk.event("2026-01-10", Active, "pro");
    assert!(!desk.book.is_due(at("2026-02-09T23:59:59")));
    assert!(desk.book.is_due(at("2026-02-10")));
}

#[test]
fn commands_that_add_credits_or_report_a_subscription_open_a_wallet() {
    let desk = Desk::new("2026-01-10");
    let opens = |action| desk.command(None, action).opens_wallet();
    let purchase = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Price("price_1".to_owned()),
        purchase_id: "pi_1".to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    let (adding, others) = (
        [
            Action::RegistrationBonus,
            promotion(1),
            purchase,
            subscription(Active, "pro", None),
        ],
        [
            consume(1),
            crate::desk::grant("sub", desk.now),
            Action::Expire(Expire { cutoff: desk.now }),
        ],
    );
    assert!(adding.into_iter().all(opens));
    assert!(!others.into_iter().any(opens));
}

#[test]
fn a_detail_is_empty_until_a_field_is_set() {
    assert!(Detail::default().is_empty());
    let with_field = Detail {
        clipped: Some(1),
        ..Detail::default()
    };
    assert!(!with_field.is_empty());
}
