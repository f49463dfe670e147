//! The expiry of batches with and without holds.

use ledger::{
    Action, Batch, BatchStatus, Book, Expire, Inconsistency, Source, TransactionType, Wallet,
};
use uuid::Uuid;

use crate::desk::{Desk, at};

/// A batch of ten credits that expires on 1 February.
fn batch(held: i64) -> Batch {
    Batch {
        id: Uuid::from_u128(7),
        amount: 10,
        remaining: 10,
        held,
        issued_at: at("2026-01-01"),
        expires_at: Some(at("2026-02-01")),
        status: BatchStatus::Active,
        source: Source::Bonus,
        source_plan: None,
        grant_period: None,
        paid_micros: None,
        currency: None,
        deposit_id: Uuid::nil(),
        transaction_id: Uuid::from_u128(8),
        expirations: 0,
    }
}

/// A fixture whose user has one such batch. The expiry job has run in March.
fn expired_desk(held: i64) -> Desk {
    let mut desk = Desk::new("2026-03-01");
    let mut wallet = Wallet::new(Uuid::from_u128(9), "u".to_owned());
    wallet.balance = 10;
    wallet.held = held;
    wallet.add_batch(batch(held));
    desk.book = Book::default();
    desk.book.add_wallet(wallet);
    let cutoff = desk.now;
    desk.send(Action::Expire(Expire { cutoff }));
    desk
}

#[test]
fn credits_without_a_hold_expire_under_a_numbered_reference() {
    for (held, expired) in [(0, Some(-10)), (4, Some(-6)), (10, None)] {
        let desk = expired_desk(held);
        let postings = desk.book.postings();
        let amounts: Vec<_> = postings.iter().map(|posting| posting.amount).collect();
        assert_eq!(amounts.first().copied(), expired, "{held} are held");
        assert!(amounts.len() < 2);
        let wallet = desk.book.wallet("u").expect("a wallet");
        assert_eq!(wallet.balance, 10 + expired.unwrap_or(0));
        let kept = &wallet.batches()[0];
        assert_eq!(kept.expirations, i32::from(expired.is_some()));
        if let Some(posting) = postings.first() {
            let reference = format!("expire:{}:1", Uuid::from_u128(7));
            assert_eq!(posting.kind, TransactionType::Expiration);
            assert_eq!(posting.reference_id, reference);
        }
    }
}

#[test]
fn held_credits_are_not_free() {
    assert_eq!(batch(4).free(), 6);
}

#[test]
fn an_inconsistency_names_its_row() {
    let inconsistency = Inconsistency {
        table: "credits_batch",
        id: "b1".to_owned(),
        message: "it is empty".to_owned(),
    };
    let text = inconsistency.to_string();
    assert_eq!(text, "credits_batch b1 is inconsistent: it is empty");
}
