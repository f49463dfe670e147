//! Reinstatements: what a won dispute returns.

use chrono::TimeDelta;
use ledger::{BatchStatus, Refusal, RevokeExtent, Source, TransactionType};

use super::{
    credits, effect, forgive, lite, parts, promotion, purchase, refunded, reinstate, revoke,
};
use crate::desk::{Desk, at, code, consume};

/// Conformance: Revocations and debt: `reinstate` returns exactly what the revocation took, to the
/// batches that it was taken from
#[test]
fn a_reinstatement_returns_what_was_taken_to_its_batches() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), Some(10_000_000)));
    desk.order("c", consume(30));
    let before = desk.book.wallet("u").expect("a wallet").batches().to_vec();
    let revoked = desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    assert_eq!(parts(&revoked), (110, 80, 30));
    let won = desk.order("won", reinstate("dp_1"));
    assert_eq!((won.amount, effect(&won).cancelled), (80, Some(30)));
    let after = desk.book.wallet("u").expect("a wallet").batches();
    assert_eq!(after, before);
    let again = desk.order("dp_2", revoke("pi_1", RevokeExtent::All));
    assert_eq!(parts(&again), (110, 80, 30), "it can be revoked again");
}

/// Conformance: Revocations and debt: A revocation is reinstated once
#[test]
fn a_revocation_is_reinstated_once() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(10));
    desk.order("a", revoke("g", RevokeExtent::All));
    assert_eq!(desk.order("b", reinstate("a")).amount, 10);
    let refused = desk.order("c", reinstate("a"));
    assert_eq!(code(&refused), Some(Refusal::AlreadyReinstated));
    let refused = desk.order("d", reinstate("g"));
    assert_eq!(code(&refused), Some(Refusal::OriginalNotFound));
}

#[test]
fn a_refused_revocation_cannot_be_reinstated() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(10));
    desk.order("a", revoke("g", RevokeExtent::Amount(11)));
    let refused = desk.order("b", reinstate("a"));
    assert_eq!(code(&refused), Some(Refusal::OriginalNotFound));
}

/// Conformance: Revocations and debt: What had repaid the debt of a reinstated revocation comes
/// back as a new batch, and what was forgiven stays forgiven
#[test]
fn what_had_been_repaid_comes_back_and_what_was_forgiven_does_not() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(90)), Some(10_000_000)));
    desk.order("c", consume(100));
    desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    desk.order("g", promotion(30));
    desk.order("fg", forgive(Some(50)));
    let won = desk.order("won", reinstate("dp_1"));
    assert_eq!((won.amount, effect(&won).cancelled), (30, Some(20)));
    assert_eq!((desk.balance(), desk.debt()), (30, 0));
    let batch = desk.batch(TransactionType::Reinstatement);
    assert_eq!((batch.amount, batch.source), (30, Source::Purchase));
    let end = at("2026-01-10") + TimeDelta::days(90);
    assert_eq!(batch.expires_at, Some(end), "it expires with the deposit");
    assert_eq!(
        batch.paid_micros,
        Some(0),
        "the price is that of what was spent"
    );
}

#[test]
fn what_was_taken_of_an_expired_batch_comes_back_for_the_days_of_grace() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(10)), None));
    desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    desk.now = at("2026-02-20");
    assert_eq!(desk.order("won", reinstate("dp_1")).amount, 100);
    let batch = desk.batch(TransactionType::Reinstatement);
    let end = desk.now + TimeDelta::days(desk.rules.refund_grace_days);
    assert_eq!((batch.amount, batch.expires_at), (100, Some(end)));
    let purchase = desk.batch(TransactionType::Purchase);
    assert_eq!(purchase.status, BatchStatus::Revoked);
    assert_eq!(batch.deposit_id, purchase.transaction_id);
}

#[test]
fn what_is_returned_repays_the_debts_of_other_revocations() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(40));
    desk.order("c", consume(40));
    desk.order("h", promotion(50));
    desk.order("a", revoke("h", RevokeExtent::All));
    desk.order("b", revoke("g", RevokeExtent::All));
    assert_eq!((desk.balance(), desk.debt()), (0, 40));
    let won = desk.order("won", reinstate("a"));
    assert_eq!((won.amount, effect(&won).repaid), (10, Some(40)));
    assert_eq!(effect(&won).restored, Some(50));
    assert_eq!((desk.balance(), desk.debt()), (10, 0));
}

#[test]
fn a_reinstated_part_can_be_revoked_again_by_the_refunded_amount() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, None), Some(10_000_000)));
    desk.order("re_1", revoke("pi_1", refunded(250)));
    desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    desk.order("won", reinstate("dp_1"));
    assert_eq!(desk.balance(), 75, "the refund stays");
    let next = desk.order("re_2", revoke("pi_1", refunded(500)));
    assert_eq!(parts(&next), (25, 25, 0));
}

#[test]
fn the_batch_of_the_deposit_is_revoked_before_those_in_its_place() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(40));
    desk.order("c", consume(40));
    desk.order("a", revoke("g", RevokeExtent::All));
    desk.order("h", promotion(30));
    desk.order("won", reinstate("a"));
    desk.give_back("c:refund", "c", Some(25));
    let left = |desk: &Desk| {
        let kinds = [TransactionType::Promotion, TransactionType::Reinstatement];
        let own = desk.book.postings().iter().find(|one| one.kind == kinds[0]);
        let id = own.expect("a promotion").id;
        let batches = desk.book.wallet("u").expect("a wallet").batches();
        let own = batches.iter().find(|batch| batch.transaction_id == id);
        (
            own.expect("a batch").remaining,
            desk.batch(kinds[1]).remaining,
        )
    };
    assert_eq!(left(&desk), (25, 30));
    let revoked = desk.order("b", revoke("g", RevokeExtent::Amount(35)));
    assert_eq!(parts(&revoked), (35, 35, 0));
    assert_eq!(left(&desk), (0, 20));
}

/// Two batches of one deposit, as a reinstatement may leave them, repay the same debt.
#[test]
fn a_refund_to_two_batches_of_a_deposit_names_their_debt_once() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, None), None));
    desk.order("c", consume(60));
    desk.order("a", revoke("pi_1", RevokeExtent::All));
    desk.order("g", promotion(60));
    desk.order("won", reinstate("a"));
    desk.order("d", consume(100));
    desk.order("b", revoke("pi_1", RevokeExtent::All));
    assert_eq!((desk.balance(), desk.debt()), (0, 100));
    let refund = desk.give_back("d:refund", "d", None);
    assert_eq!((refund.amount, effect(&refund).repaid), (0, Some(100)));
    let repayment = desk.book.postings().last().expect("a repayment");
    assert_eq!(repayment.allocations.len(), 2);
    let credits = repayment.audit.debts.iter().map(|(_, credits)| *credits);
    assert_eq!(credits.collect::<Vec<_>>(), [100]);
}
