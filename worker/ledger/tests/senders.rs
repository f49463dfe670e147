//! The sender of a command: the rows that store it, and the scope of its references.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use ledger::{
    Action, Book, Command, Consume, Decision, Item, Origin, Outcome, Purchase, References, Refusal,
    Rules, TransactionType,
};
use uuid::Uuid;

fn rules(references: References) -> Rules {
    Rules {
        references,
        ..Rules::default()
    }
}

fn ids() -> impl FnMut() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    || Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn command(origin: Origin, sender: Option<&str>, reference: &str, action: Action) -> Command {
    Command {
        origin,
        reference_id: reference.to_owned(),
        sender: sender.map(str::to_owned),
        user_id: "ada".to_owned(),
        occurred_at: None,
        received_at: None,
        description: None,
        metadata: None,
        action,
    }
}

fn buy(sender: Option<&str>, reference: &str, payment: &str) -> Command {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item: Item::Package("lite".to_owned()),
        purchase_id: payment.to_owned(),
        purchase_line: None,
        paid_micros: None,
        currency: None,
    });
    command(Origin::Funding, sender, reference, action)
}

fn spend(sender: Option<&str>, reference: &str, amount: i64) -> Command {
    let action = Action::Consume(Consume {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
    });
    command(Origin::Usage, sender, reference, action)
}

fn decide(book: &mut Book, rules: &Rules, command: &Command) -> Outcome {
    let now = DateTime::<Utc>::from_timestamp(1_790_000_000, 0).expect("an instant");
    match book
        .decide(command, rules, now, &mut ids())
        .expect("a consistent book")
    {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => panic!("unapplied: {refused}"),
    }
}

fn code(outcome: &Outcome) -> Option<Refusal> {
    outcome.refused.as_ref().map(|refused| refused.code)
}

#[test]
fn a_sender_is_kept_with_its_transaction_and_its_bonus_and_its_refusal() {
    let mut book = Book::default();
    let rules = rules(References::PerOrigin);
    decide(&mut book, &rules, &buy(Some("bridge"), "pi_1", "pi_1"));
    decide(&mut book, &rules, &spend(Some("app"), "c1", 3));
    let refused = decide(&mut book, &rules, &spend(Some("other"), "c2", 1_000));
    assert_eq!(code(&refused), Some(Refusal::InsufficientCredits));
    decide(&mut book, &rules, &spend(None, "c3", 1));
    let kept: Vec<_> = book
        .postings()
        .iter()
        .map(|posting| (posting.kind, posting.sender.as_deref()))
        .collect();
    assert_eq!(
        kept,
        [
            (TransactionType::Purchase, Some("bridge")),
            (TransactionType::Bonus, Some("bridge")),
            (TransactionType::Consumption, Some("app")),
            (TransactionType::Consumption, Some("other")),
            (TransactionType::Consumption, None),
        ]
    );
}

/// Conformance: Broker permissions and senders: The sender is not part of the fingerprint
#[test]
fn the_sender_is_not_part_of_the_fingerprint() {
    let (one, other) = (spend(Some("one"), "c1", 3), spend(Some("other"), "c1", 3));
    assert_eq!(one.fingerprint(), other.fingerprint());
}

#[test]
fn senders_of_an_origin_share_references_by_default() {
    let mut book = Book::default();
    let rules = rules(References::PerOrigin);
    decide(&mut book, &rules, &buy(Some("bridge"), "pi_1", "pi_1"));
    decide(&mut book, &rules, &spend(Some("one"), "c1", 3));
    assert!(decide(&mut book, &rules, &spend(Some("other"), "c1", 3)).replayed);
    let conflict = decide(&mut book, &rules, &spend(Some("other"), "c1", 4));
    assert_eq!(code(&conflict), Some(Refusal::ReferenceConflict));
}

#[test]
fn with_references_per_sender_no_sender_can_block_anothers_reference() {
    let mut book = Book::default();
    let rules = rules(References::PerSender);
    decide(&mut book, &rules, &buy(Some("bridge"), "pi_1", "pi_1"));
    let mut spend = |sender, amount| decide(&mut book, &rules, &spend(sender, "c1", amount));
    assert_eq!(spend(Some("one"), 3).amount, -3);
    assert_eq!(spend(Some("other"), 4).amount, -4);
    assert_eq!(spend(None, 5).amount, -5);
    // Each sender still has its own reference.
    assert!(spend(Some("one"), 3).replayed);
    assert!(spend(Some("other"), 4).replayed);
    assert!(spend(None, 5).replayed);
    assert_eq!(
        code(&spend(Some("one"), 4)),
        Some(Refusal::ReferenceConflict)
    );
}

#[test]
fn two_senders_purchases_under_one_reference_bring_a_bonus_each() {
    let mut book = Book::default();
    let rules = rules(References::PerSender);
    decide(&mut book, &rules, &buy(Some("one"), "r", "pi_1"));
    decide(&mut book, &rules, &buy(Some("other"), "r", "pi_2"));
    let bonuses: Vec<_> = book
        .postings()
        .iter()
        .filter(|posting| posting.kind == TransactionType::Bonus)
        .map(|posting| (posting.reference_id.as_str(), posting.sender.as_deref()))
        .collect();
    // The database distinguishes them by origin, reference and sender.
    assert_eq!(
        bonuses,
        [("bonus:r", Some("one")), ("bonus:r", Some("other"))]
    );
}

#[test]
fn a_payment_is_credited_once_even_if_two_senders_report_it() {
    let mut book = Book::default();
    let rules = rules(References::PerSender);
    decide(&mut book, &rules, &buy(Some("one"), "r", "pi_1"));
    let again = decide(&mut book, &rules, &buy(Some("other"), "r", "pi_1"));
    assert_eq!(code(&again), Some(Refusal::DuplicatePayment));
}
