//! A payment is credited once, also if several commands with different references report it.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use ledger::{
    Action, Book, Command, Decision, Item, MAX_AMOUNT, Origin, Outcome, Package, Purchase, Refusal,
    Refused, Rules, TransactionType,
};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("an instant")
}

/// Ids that are unique in this process.
fn ids() -> impl FnMut() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    || Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

/// A purchase of the package `lite`: 100 credits and a bonus of 10.
fn purchase(reference: &str, user: &str, payment: &str, line: Option<&str>) -> Command {
    Command {
        origin: Origin::Funding,
        reference_id: reference.to_owned(),
        user_id: user.to_owned(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action: Action::Purchase(Purchase {
            quantity: None,
            item: Item::Package("lite".to_owned()),
            purchase_id: payment.to_owned(),
            purchase_line: line.map(ToOwned::to_owned),
            paid_micros: None,
            currency: None,
        }),
    }
}

/// The same with a quantity.
fn several(reference: &str, quantity: i64) -> Command {
    let mut command = purchase(reference, "ada", reference, None);
    if let Action::Purchase(purchase) = &mut command.action {
        purchase.quantity = Some(quantity);
    }
    command
}

fn decide(book: &mut Book, rules: &Rules, command: &Command) -> Decision {
    book.decide(command, rules, now(), &mut ids())
        .expect("a consistent book")
}

fn settled(book: &mut Book, command: &Command) -> Outcome {
    match decide(book, &Rules::default(), command) {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

fn refused(outcome: &Outcome) -> &Refused {
    let refused = outcome.refused.as_ref().expect("a refusal");
    assert_eq!(refused.code, Refusal::DuplicatePayment);
    refused
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
#[test]
fn a_payment_under_a_second_reference_is_refused_and_names_the_first() {
    let mut book = Book::default();
    let first = settled(&mut book, &purchase("evt_1", "ada", "pi_9", None));
    assert_eq!((first.amount, first.balance), (110, Some(110)));
    let second = settled(&mut book, &purchase("evt_2", "ada", "pi_9", None));
    assert_eq!((second.amount, second.balance), (0, Some(110)));
    let named = refused(&second).first.as_ref().expect("the first");
    assert_eq!(named.reference_id, "evt_1");
    assert_eq!(named.transaction_id, first.transactions[0].0);
    let row = book.postings().last().expect("a posting");
    assert_eq!((row.kind, row.amount), (TransactionType::Purchase, 0));
    assert_eq!(row.purchase_id.as_deref(), Some("pi_9"));
    assert!(row.audit.request.is_some(), "the request is stored");
}

#[test]
fn the_refusal_of_a_duplicate_payment_is_final_for_its_reference() {
    let mut book = Book::default();
    settled(&mut book, &purchase("evt_1", "ada", "pi_9", None));
    let second = settled(&mut book, &purchase("evt_2", "ada", "pi_9", None));
    let posted = book.postings().len();
    let again = settled(&mut book, &purchase("evt_2", "ada", "pi_9", None));
    assert!(again.replayed);
    assert_eq!(again.refused, second.refused);
    assert_eq!(book.postings().len(), posted, "nothing is written");
    let first = settled(&mut book, &purchase("evt_1", "ada", "pi_9", None));
    assert!(first.replayed);
    assert_eq!((first.amount, first.refused), (110, None));
}

#[test]
fn a_payment_that_was_credited_to_another_user_opens_no_wallet() {
    let mut book = Book::default();
    settled(&mut book, &purchase("evt_1", "ada", "pi_9", None));
    let second = settled(&mut book, &purchase("evt_2", "bob", "pi_9", None));
    refused(&second);
    assert_eq!(second.balance, None);
    assert!(book.wallet("bob").is_none());
}

/// Conformance: Commands: A payment is credited once, regardless of references, and each of its
/// lines is credited once
#[test]
fn each_line_of_a_payment_is_credited_once() {
    let mut book = Book::default();
    for (reference, line, credited) in [
        ("evt_1", Some("1"), 110),
        ("evt_2", Some("2"), 110),
        ("evt_3", Some("1"), 0),
        ("evt_4", None, 110),
        ("evt_5", None, 0),
        ("evt_6", Some("2"), 0),
    ] {
        let outcome = settled(&mut book, &purchase(reference, "ada", "pi_9", line));
        assert_eq!(outcome.amount, credited, "{reference}");
        assert_eq!(outcome.refused.is_some(), credited == 0, "{reference}");
    }
    let bonus = book
        .postings()
        .iter()
        .find(|posting| posting.kind == TransactionType::Bonus);
    let bonus = bonus.expect("a bonus");
    assert_eq!(bonus.purchase_id.as_deref(), Some("pi_9"));
    assert_eq!(bonus.purchase_line.as_deref(), Some("1"));
}

#[test]
fn a_payment_that_could_not_be_applied_is_not_credited_yet() {
    let mut book = Book::default();
    let off = Rules {
        enabled: false,
        ..Rules::default()
    };
    let decision = decide(&mut book, &off, &purchase("evt_1", "ada", "pi_9", None));
    assert_eq!(
        decision,
        Decision::Unapplied(Refusal::CreditsDisabled.into())
    );
    let second = settled(&mut book, &purchase("evt_2", "ada", "pi_9", None));
    assert_eq!(second.amount, 110);
    let replayed = settled(&mut book, &purchase("evt_1", "ada", "pi_9", None));
    assert_eq!(
        refused(&replayed)
            .first
            .as_ref()
            .expect("the first")
            .reference_id,
        "evt_2"
    );
}

#[test]
fn a_payment_with_its_bonus_adds_one_credit_up_to_the_largest_amount() {
    let package = |credits, bonus| Package {
        credits,
        bonus,
        validity_days: None,
        price_id: None,
        price_ids: Vec::new(),
    };
    let cases = [
        ((0, 0), false),
        ((0, 1), true),
        ((1, 0), true),
        ((MAX_AMOUNT - 1, 1), true),
        ((MAX_AMOUNT, 1), false),
        ((MAX_AMOUNT + 1, 0), false),
        ((i64::MAX, 1), false),
    ];
    for ((credits, bonus), fits) in cases {
        let mut rules = Rules::default();
        rules
            .packages
            .insert("lite".to_owned(), package(credits, bonus));
        let decision = decide(
            &mut Book::default(),
            &rules,
            &purchase("r", "ada", "pi_1", None),
        );
        let unapplied = Decision::Unapplied(Refusal::InvalidAmount.into());
        assert_eq!(decision != unapplied, fits, "{credits} and {bonus}");
    }
}

#[test]
fn a_payment_without_a_bonus_is_one_transaction_and_one_batch() {
    let mut rules = Rules::default();
    let bare = Package {
        credits: 5,
        bonus: 0,
        validity_days: None,
        price_id: None,
        price_ids: Vec::new(),
    };
    rules.packages.insert("lite".to_owned(), bare);
    let mut book = Book::default();
    decide(&mut book, &rules, &purchase("r", "ada", "pi_1", None));
    assert_eq!(book.postings().len(), 1);
    assert_eq!(
        book.wallet("ada").map(|wallet| wallet.batches().len()),
        Some(1)
    );
}

#[test]
fn a_payment_is_over_the_cap_if_the_wallet_holds_more_than_the_cap() {
    for (cap, over) in [(109, true), (110, false), (111, false)] {
        let rules = Rules {
            max_user_balance: cap,
            ..Rules::default()
        };
        let decision = decide(
            &mut Book::default(),
            &rules,
            &purchase("r", "ada", "pi_1", None),
        );
        let Decision::Settled(outcome) = decision else {
            panic!("{decision:?}");
        };
        assert_eq!(
            (outcome.amount, outcome.over_cap),
            (110, over),
            "a cap of {cap}"
        );
    }
}

/// Conformance: Commands: The quantity of a package multiplies its credits and
/// its bonus
#[test]
fn a_quantity_multiplies_the_credits_and_the_bonus() {
    let mut book = Book::default();
    let outcome = settled(&mut book, &several("pi_1", 3));
    assert_eq!((outcome.amount, outcome.balance), (330, Some(330)));
    let amounts: Vec<i64> = book
        .postings()
        .iter()
        .map(|posting| posting.amount)
        .collect();
    assert_eq!(amounts, [300, 30]);
    // The same payment for another number is another change.
    let other = decide(&mut book, &Rules::default(), &several("pi_1", 4));
    let Decision::Unapplied(refused) = other else {
        panic!("{other:?}")
    };
    assert_eq!(refused.code, Refusal::ReferenceConflict);
}

#[test]
fn a_quantity_beyond_the_largest_amount_is_not_applied() {
    let mut rules = Rules::default();
    rules.packages.get_mut("lite").expect("built in").credits = MAX_AMOUNT;
    for quantity in [2, i64::MAX] {
        let decision = decide(&mut Book::default(), &rules, &several("pi_1", quantity));
        let Decision::Unapplied(refused) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(refused.code, Refusal::InvalidAmount);
    }
}

/// Conformance: Commands: A package is found by each of its price ids
#[test]
fn a_package_is_found_by_each_of_its_price_ids() {
    let mut rules = Rules::default();
    let lite = rules.packages.get_mut("lite").expect("built in");
    lite.price_id = Some("price_usd".to_owned());
    lite.price_ids = vec!["price_eur".to_owned(), "prod_lite".to_owned()];
    let mut book = Book::default();
    for price in ["price_usd", "price_eur", "prod_lite"] {
        let mut command = purchase(price, "ada", price, None);
        if let Action::Purchase(purchase) = &mut command.action {
            purchase.item = Item::Price(price.to_owned());
        }
        let Decision::Settled(outcome) = decide(&mut book, &rules, &command) else {
            panic!("{price}")
        };
        assert_eq!(outcome.amount, 110, "{price}");
    }
}
