//! Refunds of captures, and refunds to batches whose credits are held.

use ledger::{Action, BatchStatus, Capture, Outcome, Overrun, Refund, Refusal};

use super::{Holds, capture, hold};
use crate::desk::{code, consume};

impl Holds {
    /// Captures everything that is held, by the reference `c`.
    fn capture_all(&mut self) -> Outcome {
        self.at("c", None, Action::Capture(capture()))
    }

    /// Sends a refund like support staff.
    fn refund(&mut self, of: &str, amount: Option<i64>) -> Outcome {
        let of = of.to_owned();
        self.send(Action::Refund(Refund { of, amount }))
    }

    /// The remaining and held credits of each batch.
    fn batches(&self) -> Vec<(i64, i64)> {
        let wallet = self.desk.book.wallet("u").expect("a wallet");
        let batches = wallet.batches().iter();
        batches.map(|batch| (batch.remaining, batch.held)).collect()
    }
}

#[test]
fn a_refund_returns_credits_of_a_capture_like_those_of_a_consumption() {
    let mut it = Holds::new(&[(5, Some(3)), (10, None)]);
    it.hold(8);
    assert_eq!(it.capture_all().amount, -8);
    let capture = it.desk.book.postings().last().expect("a posting").clone();
    assert_eq!(it.refund("c", Some(4)).amount, 4);
    assert_eq!(it.batches(), [(1, 0), (10, 0)], "last taken first");
    let refund = it.desk.book.postings().last().expect("a posting");
    assert_eq!(refund.related_id, Some(capture.id));
    assert_eq!(refund.service, capture.service);
    let debit = refund.debit_account();
    assert_eq!(debit.as_deref(), Some("SERVICE:google:chat"));
    let exceeded = it.refund("c", Some(5)).refused.expect("a refusal");
    assert_eq!(exceeded.code, Refusal::RefundExceedsConsumption);
    assert_eq!((exceeded.required, exceeded.available), (Some(5), Some(4)));
    assert_eq!(it.refund("c", None).amount, 4);
    let wallet = it.desk.book.wallet("u").expect("a wallet");
    assert_eq!((wallet.balance, wallet.total_spent), (15, 0));
}

#[test]
fn each_capture_of_a_hold_is_refunded_by_its_own_reference() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(8);
    for (reference, amount) in [("c1", 3), ("c2", 5)] {
        let part = Capture {
            amount: Some(amount),
            is_final: Some(false),
            ..capture()
        };
        it.at(reference, None, Action::Capture(part));
    }
    assert_eq!(it.refund("c1", None).amount, 3);
    assert_eq!(it.refund("c2", None).amount, 5);
    assert_eq!(it.credits(), (10, 0, 10));
}

#[test]
fn a_hold_itself_cannot_be_refunded() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(8);
    let refused = it.refund("h", None);
    assert_eq!(code(&refused), Some(Refusal::OriginalNotFound));
    it.at(
        "c",
        None,
        Action::Capture(Capture {
            hold: "x".to_owned(),
            ..capture()
        }),
    );
    let refused = it.refund("c", None);
    assert_eq!(code(&refused), Some(Refusal::OriginalNotFound));
}

#[test]
fn a_batch_gets_credits_back_while_its_other_credits_are_held() {
    let mut it = Holds::new(&[(10, None)]);
    it.at("spent", None, consume(6));
    it.hold(4);
    assert_eq!(it.batches(), [(4, 4)]);
    let outcome = it.refund("spent", Some(5));
    assert_eq!((outcome.amount, outcome.available), (5, Some(5)));
    assert_eq!(it.batches(), [(9, 4)]);
    assert_eq!(it.capture_all().amount, -4);
    assert_eq!(it.credits(), (5, 0, 5));
}

#[test]
fn a_refund_of_a_capture_reserves_nothing_for_its_hold() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(10);
    let part = Capture {
        amount: Some(6),
        is_final: Some(false),
        ..capture()
    };
    it.at("c", None, Action::Capture(part));
    it.refund("c", None);
    assert_eq!(it.credits(), (10, 4, 6));
    let most = Capture {
        amount: Some(6),
        overrun: Some(Overrun::Reject),
        ..capture()
    };
    let refused = it.capture(most).refused.expect("a refusal");
    assert_eq!((refused.required, refused.available), (Some(6), Some(4)));
}

#[test]
fn an_emptied_batch_that_gets_credits_back_can_be_held_again() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(10);
    it.capture_all();
    let wallet = it.desk.book.wallet("u").expect("a wallet");
    assert_eq!(wallet.batches()[0].status, BatchStatus::Consumed);
    it.refund("c", Some(7));
    let again = it.at("h2", None, Action::Hold(hold(7)));
    assert_eq!(again.held, Some(7));
    assert_eq!(it.batches(), [(7, 7)]);
}
