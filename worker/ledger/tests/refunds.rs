//! Refunds: which batches the credits of a consumption come back to.

use chrono::{DateTime, Utc};
use ledger::{
    Action, Batch, BatchStatus, Command, Expire, Item, Origin, Outcome, Promotion, Purchase,
    References, Refund, Refusal, Source, StatusChange, TransactionType,
};

use crate::desk::{Desk, at, code, consume, settled};

fn promotion(amount: i64, validity_days: Option<i64>) -> Action {
    Action::Promotion(Promotion {
        amount,
        validity_days,
    })
}

fn purchase(credits: i64, validity_days: Option<i64>, paid_micros: Option<i64>) -> Action {
    Action::Purchase(Purchase {
        quantity: None,
        item: Item::Credits {
            credits,
            validity_days,
        },
        purchase_id: format!("pi_{credits}"),
        purchase_line: None,
        paid_micros,
        currency: paid_micros.map(|_| "USD".to_owned()),
    })
}

fn refund(of: &str, amount: Option<i64>) -> Action {
    Action::Refund(Refund {
        of: of.to_owned(),
        amount,
    })
}

impl Desk {
    fn spend(&mut self, reference: &str, amount: i64) -> Outcome {
        let mut command = self.command(None, consume(amount));
        reference.clone_into(&mut command.reference_id);
        settled(self.decide(&command))
    }

    /// Sends a refund like an app.
    fn refund(&mut self, reference: &str, of: &str, amount: Option<i64>) -> Outcome {
        self.refund_at(None, reference, of, amount)
    }

    fn refund_at(
        &mut self,
        occurred_at: Option<DateTime<Utc>>,
        reference: &str,
        of: &str,
        amount: Option<i64>,
    ) -> Outcome {
        let command = Command {
            origin: Origin::Usage,
            reference_id: reference.to_owned(),
            ..self.command(occurred_at, refund(of, amount))
        };
        settled(self.decide(&command))
    }

    fn remainders(&self) -> Vec<(i64, BatchStatus)> {
        let batches = self.batches().iter();
        batches
            .map(|batch| (batch.remaining, batch.status))
            .collect()
    }

    fn batches(&self) -> &[Batch] {
        self.book.wallet("u").expect("a wallet").batches()
    }

    fn added(&self) -> &Batch {
        let refund = self.book.postings().last().expect("a posting");
        let mut batches = self.batches().iter();
        batches
            .find(|batch| batch.transaction_id == refund.id)
            .expect("a new batch")
    }
}

/// Conformance: Refunds: A refund returns credits to the batches they came from, last taken first
#[test]
fn credits_come_back_to_their_batches_last_taken_first() {
    let mut desk = Desk::new("2026-01-10");
    for days in [10, 20, 30] {
        desk.send(promotion(10, Some(days)));
    }
    desk.spend("c", 25);
    let active = BatchStatus::Active;
    assert_eq!(desk.remainders()[2], (5, active));
    let first = desk.refund("f1", "c", Some(8));
    assert_eq!((first.amount, first.balance), (8, Some(13)));
    let consumed = BatchStatus::Consumed;
    assert_eq!(
        desk.remainders(),
        [(0, consumed), (3, active), (10, active)]
    );
    let second = desk.refund("f2", "c", None);
    assert_eq!(second.amount, 17);
    assert_eq!(desk.remainders(), [(10, active); 3]);
    let wallet = desk.book.wallet("u").expect("a wallet");
    assert_eq!((wallet.balance, wallet.total_spent), (30, 0));
}

/// Conformance: Refunds: Refunds of one consumption never return more in total than it took
#[test]
fn refunds_never_return_more_than_was_taken() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    desk.spend("c", 20);
    assert_eq!(desk.refund("f1", "c", Some(15)).amount, 15);
    let refused = desk.refund("f2", "c", Some(6));
    let refusal = refused.refused.expect("a refusal");
    assert_eq!(refusal.code, Refusal::RefundExceedsConsumption);
    assert_eq!((refusal.required, refusal.available), (Some(6), Some(5)));
    assert_eq!(
        refusal.to_string(),
        "6 credits would be refunded, 5 are left of the consumption"
    );
    assert_eq!(desk.refund("f3", "c", Some(5)).amount, 5);
    let refusal = desk.refund("f4", "c", None).refused.expect("a refusal");
    assert_eq!(refusal.code, Refusal::RefundExceedsConsumption);
    assert_eq!((refusal.required, refusal.available), (None, Some(0)));
    let again = desk.refund("f2", "c", Some(6));
    assert!(again.replayed, "a refusal is final for its reference");
}

#[test]
fn a_free_consumption_leaves_nothing_to_refund() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules
        .prices
        .insert("google:chat".to_owned(), ledger::Price::each(0));
    desk.send(promotion(30, None));
    let free = Action::Consume(ledger::Consume {
        service: "google:chat".to_owned(),
        amount: None,
        quantity: None,
    });
    let mut command = desk.command(None, free);
    command.reference_id = "c".to_owned();
    assert_eq!(settled(desk.decide(&command)).amount, 0);
    let refused = desk.refund("f", "c", None);
    assert_eq!(code(&refused), Some(Refusal::RefundExceedsConsumption));
}

/// Conformance: Refunds: A refund is idempotent by its own reference
#[test]
fn a_refund_sent_again_returns_the_same_outcome() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    desk.spend("c", 20);
    let first = desk.refund("f", "c", Some(7));
    let again = desk.refund("f", "c", Some(7));
    assert!(again.replayed);
    assert_eq!(again.allocations, first.allocations);
    assert_eq!(desk.balance(), 17);
    let other = desk.refund("f", "c", Some(8));
    assert_eq!(code(&other), Some(Refusal::ReferenceConflict));
}

/// Conformance: Refunds: Credits whose batch has expired come back as a new batch of the same
/// source, price share and currency, valid for `refunds.grace_days`
#[test]
fn credits_of_an_expired_batch_come_back_as_a_new_batch_with_their_share_of_the_price() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(purchase(30, Some(10), Some(10_000_000)));
    desk.send(promotion(5, None));
    desk.spend("c", 33);
    desk.now = at("2026-02-01");
    let returned = desk.refund("f1", "c", Some(13));
    assert_eq!(returned.amount, 13);
    assert_eq!(desk.batches()[0].status, BatchStatus::Consumed);
    let gift = desk.batches().last().expect("the gift");
    assert_eq!((gift.remaining, gift.amount), (5, 5), "taken last");
    let added = desk.added();
    assert_eq!((added.amount, added.remaining), (10, 10));
    assert_eq!(added.source, Source::Purchase);
    assert_eq!(added.paid_micros, Some(3_333_333), "10 of 30, rounded down");
    assert_eq!(added.currency.as_deref(), Some("USD"));
    assert_eq!(added.issued_at, at("2026-02-01"));
    assert_eq!(added.expires_at, Some(at("2026-02-08")));
    for (reference, amount) in [("f2", Some(11)), ("f3", None)] {
        desk.refund(reference, "c", amount);
    }
    let paid = desk.batches()[1..].iter().filter_map(|one| one.paid_micros);
    assert_eq!(paid.sum::<i64>(), 9_999_999, "never more than was paid");
    let wallet = desk.book.wallet("u").expect("a wallet");
    assert_eq!((wallet.balance, wallet.total_earned), (35, 35));
}

#[test]
fn a_batch_counts_as_expired_before_the_expiry_job_has_removed_its_rest() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, Some(10)));
    desk.spend("c", 20);
    desk.now = at("2026-01-20");
    desk.refund("f", "c", None);
    assert_eq!(desk.remainders()[0], (10, BatchStatus::Active));
    assert_eq!((desk.added().remaining, desk.balance()), (20, 30));
    desk.now = at("2026-01-22");
    let cutoff = desk.now;
    let expired = desk.send(Action::Expire(Expire { cutoff }));
    assert_eq!(expired.amount, -10, "the new batch is still valid");
}

#[test]
fn a_refund_in_time_that_arrives_late_returns_credits_to_a_batch_that_was_valid() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, Some(10)));
    desk.spend("c", 20);
    desk.now = at("2026-01-20T06:00:00");
    let sent = Some(at("2026-01-19T23:00:00"));
    desk.refund_at(sent, "f", "c", None);
    assert_eq!(desk.remainders(), [(30, BatchStatus::Active)]);
}

/// A delayed command keeps its effective time, so the job may have been faster.
#[test]
fn an_expired_batch_never_gets_credits_back() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, Some(10)));
    desk.spend("c", 20);
    desk.now = at("2026-01-22");
    let cutoff = desk.now;
    desk.send(Action::Expire(Expire { cutoff }));
    let mut command = desk.command(None, refund("c", None));
    command.received_at = Some(at("2026-01-19"));
    let returned = settled(desk.decide(&command));
    assert_eq!(returned.amount, 20);
    let expected = [(0, BatchStatus::Expired), (20, BatchStatus::Active)];
    assert_eq!(desk.remainders(), expected);
    assert_eq!(desk.added().expires_at, Some(at("2026-01-26")));
}

/// Conformance: Refunds: A refund is not a free grant: the cap does not clip it
#[test]
fn the_cap_does_not_clip_a_refund() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    desk.spend("c", 20);
    desk.rules.max_user_balance = 0;
    let returned = desk.refund("f", "c", None);
    assert_eq!((returned.amount, returned.clipped), (20, None));
}

/// Conformance: Refunds: A frozen wallet accepts refunds
#[test]
fn a_frozen_wallet_accepts_refunds() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    desk.spend("c", 20);
    desk.send(Action::Freeze(StatusChange {
        reason: "chargeback".to_owned(),
        actor: "ops".to_owned(),
    }));
    assert_eq!(desk.refund("f", "c", None).amount, 20);
}

/// Conformance: Refunds: A refund of a refused consumption, an unknown reference or another user's
/// is refused with `original_not_found`
#[test]
fn only_a_completed_consumption_of_the_same_user_can_be_refunded() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    let refused = desk.spend("poor", 31);
    assert_eq!(code(&refused), Some(Refusal::InsufficientCredits));
    let mut others = desk.command(None, promotion(30, None));
    others.user_id = "v".to_owned();
    others.reference_id = "gift".to_owned();
    settled(desk.decide(&others));
    let mut others = desk.command(None, consume(3));
    others.user_id = "v".to_owned();
    others.reference_id = "theirs".to_owned();
    settled(desk.decide(&others));
    for (reference, of) in [
        ("f1", "poor"),
        ("f2", "none"),
        ("f3", "theirs"),
        ("f4", "r0"),
    ] {
        let refused = desk.refund(reference, of, None);
        assert_eq!(code(&refused), Some(Refusal::OriginalNotFound), "{of}");
    }
}

/// Conformance: Refunds: An app refunds consumptions of its own origin and scope; support staff
/// also those of apps
#[test]
fn a_refund_names_a_consumption_of_its_own_scope_and_support_staff_any() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.references = References::PerSender;
    desk.send(promotion(90, None));
    let by = |desk: &mut Desk, sender: &str, origin, reference: &str, action| {
        let command = Command {
            origin,
            sender: Some(sender.to_owned()),
            reference_id: reference.to_owned(),
            ..desk.command(None, action)
        };
        settled(desk.decide(&command))
    };
    let (usage, funding) = (Origin::Usage, Origin::Funding);
    by(&mut desk, "chat", usage, "c1", consume(10));
    by(&mut desk, "chat", usage, "c2", consume(20));
    by(&mut desk, "image", usage, "c2", consume(30));
    let missing = by(&mut desk, "image", usage, "f1", refund("c1", None));
    assert_eq!(code(&missing), Some(Refusal::OriginalNotFound));
    let own = by(&mut desk, "image", usage, "f2", refund("c2", Some(1)));
    let kept = desk.book.postings().last().expect("a refund").clone();
    assert_eq!((own.amount, kept.related_id.is_some()), (1, true));
    let by_support = by(&mut desk, "desk", funding, "f3", refund("c1", None));
    assert_eq!(by_support.amount, 10);
    let unclear = by(&mut desk, "desk", funding, "f4", refund("c2", None));
    assert_eq!(code(&unclear), Some(Refusal::OriginalNotFound));
    let rest = by(&mut desk, "image", usage, "f5", refund("c2", None));
    assert_eq!(rest.amount, 29);
    let other = by(&mut desk, "chat", usage, "f6", refund("c2", None));
    assert_eq!(other.amount, 20);
}

#[test]
fn a_refund_stores_the_service_and_the_consumption() {
    let mut desk = Desk::new("2026-01-10");
    desk.send(promotion(30, None));
    desk.spend("c", 20);
    let consumption = desk.book.postings().last().expect("a posting").id;
    desk.refund("f", "c", Some(5));
    let refund = desk.book.postings().last().expect("a posting");
    assert_eq!(refund.kind, TransactionType::Refund);
    assert_eq!(refund.related_id, Some(consumption));
    assert_eq!(refund.service.as_deref(), Some("google:chat"));
    assert_eq!(
        refund.debit_account().as_deref(),
        Some("SERVICE:google:chat")
    );
    assert_eq!(refund.credit_account().as_deref(), Some("WALLET:u"));
    let changes = desk.book.changes();
    let counted: Vec<_> = changes
        .refunded
        .iter()
        .map(|one| (one.transaction_id, one.user_id, one.taken, one.returned))
        .collect();
    assert_eq!(counted, [(consumption, "u", 20, 5)]);
}
