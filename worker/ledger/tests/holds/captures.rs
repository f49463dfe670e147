//! Captures: what they take, at which price, and what they report.

use ledger::{
    Action, Capture, Hold, HoldStatus, Overrun, Price, Promotion, Refusal, TransactionType,
};

use super::{Holds, capture, hold};
use crate::desk::{at, code};

#[test]
fn a_capture_takes_the_held_slices_and_returns_the_rest() {
    let mut it = Holds::new(&[(5, Some(3)), (10, None)]);
    it.hold(8);
    let outcome = it.capture(Capture {
        amount: Some(6),
        ..capture()
    });
    assert_eq!((outcome.amount, outcome.held), (-6, Some(0)));
    let taken: Vec<_> = outcome.allocations.iter().map(|one| one.amount).collect();
    assert_eq!(taken, [-5, -1]);
    assert_eq!(it.credits(), (9, 0, 9));
    assert_eq!(it.status(), HoldStatus::Captured);
    let postings = it.desk.book.postings();
    let posting = postings.last().expect("a posting");
    assert_eq!(posting.kind, TransactionType::Capture);
    assert_eq!(
        posting.other_account.as_deref(),
        Some("SERVICE:google:chat")
    );
    let hold = postings
        .iter()
        .find(|one| one.kind == TransactionType::Hold);
    assert_eq!(posting.related_id, hold.map(|one| one.id));
    let wallet = it.desk.book.wallet("u").expect("a wallet");
    assert_eq!(wallet.total_spent, 6);
}

#[test]
fn steps_keep_the_rest_held_until_the_final_capture() {
    let mut it = Holds::new(&[(20, None)]);
    it.hold(10);
    let step = |amount| Capture {
        amount: Some(amount),
        is_final: Some(false),
        ..capture()
    };
    assert_eq!(it.capture(step(3)).held, Some(7));
    assert_eq!(it.capture(step(7)).held, Some(0));
    assert_eq!(
        it.status(),
        HoldStatus::Open,
        "a step of everything keeps it open"
    );
    let beyond = it.capture(step(2));
    assert_eq!((beyond.amount, beyond.held), (-2, Some(0)));
    assert_eq!(it.capture(capture()).amount, 0);
    assert_eq!(it.status(), HoldStatus::Captured);
    assert_eq!(it.credits(), (8, 0, 8));
}

#[test]
fn the_cost_beyond_the_hold_follows_the_option_overrun() {
    let beyond = |overrun, amount| Capture {
        amount: Some(amount),
        overrun,
        ..capture()
    };
    for (overrun, amount, expected) in [
        (None, 9, Ok((-9, None))),
        (Some(Overrun::Spend), 10, Ok((-10, None))),
        (
            Some(Overrun::Spend),
            11,
            Err((Refusal::InsufficientCredits, 11, 10)),
        ),
        (Some(Overrun::Cap), 9, Ok((-9, None))),
        (Some(Overrun::Cap), 13, Ok((-10, Some(3)))),
        (Some(Overrun::Reject), 4, Ok((-4, None))),
        (
            Some(Overrun::Reject),
            5,
            Err((Refusal::InsufficientCredits, 5, 4)),
        ),
    ] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        let outcome = it.capture(beyond(overrun, amount));
        match (expected, &outcome.refused) {
            (Ok(expected), None) => assert_eq!((outcome.amount, outcome.uncaptured), expected),
            (Err((code, required, available)), Some(refused)) => {
                assert_eq!(refused.code, code);
                assert_eq!(refused.required, Some(required));
                assert_eq!(refused.available, Some(available));
                assert_eq!(it.credits(), (10, 4, 6), "the hold is unchanged");
                assert_eq!(it.status(), HoldStatus::Open);
            }
            (expected, found) => panic!("expected {expected:?}, found {found:?}"),
        }
    }
}

#[test]
fn the_row_of_a_refused_capture_keeps_its_quantity() {
    let mut it = Holds::new(&[(10, None)]);
    let prices = &mut it.desk.rules.prices;
    prices.insert("google:chat".to_owned(), Price::each(1));
    it.hold(4);
    let outcome = it.capture(Capture {
        quantity: Some(5),
        overrun: Some(Overrun::Reject),
        ..capture()
    });
    assert_eq!(code(&outcome), Some(Refusal::InsufficientCredits));
    let posting = it.desk.book.postings().last().expect("a row");
    assert_eq!((posting.quantity, posting.amount), (Some(5), 0));
}

#[test]
fn a_capture_records_what_it_took_beyond_the_hold() {
    for (amount, beyond) in [(3, None), (4, None), (5, Some(1)), (10, Some(6))] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.capture(Capture {
            amount: Some(amount),
            ..capture()
        });
        let posting = it.desk.book.postings().last().expect("a row");
        assert_eq!(posting.detail.beyond_hold, beyond, "{amount}");
    }
}

#[test]
fn a_capture_from_one_batch_twice_has_one_allocation() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    let outcome = it.capture(Capture {
        amount: Some(7),
        ..capture()
    });
    let allocation = &outcome.allocations[..];
    assert_eq!(allocation.len(), 1);
    assert_eq!(
        (allocation[0].amount, allocation[0].batch_remaining),
        (-7, 3)
    );
}

#[test]
fn a_capture_reports_its_batches_in_the_order_in_which_a_replay_reads_them() {
    let mut it = Holds::new(&[(10, Some(30))]);
    it.hold(10);
    it.send(Action::Promotion(Promotion {
        amount: 5,
        validity_days: Some(10),
    }));
    let outcome = it.capture(Capture {
        amount: Some(12),
        ..capture()
    });
    let taken: Vec<_> = outcome.allocations.iter().map(|one| one.amount).collect();
    assert_eq!(
        taken,
        [-2, -10],
        "the batch that expires first is the first"
    );
}

#[test]
fn the_price_is_the_one_in_force_when_the_hold_was_made() {
    let mut it = Holds::new(&[(100, None)]);
    let by_units = Hold {
        amount: None,
        quantity: Some(10),
        ..hold(0)
    };
    assert_eq!(it.at("h", None, Action::Hold(by_units)).held, Some(20));
    it.desk
        .rules
        .prices
        .insert("google:chat".to_owned(), Price::each(7));
    let outcome = it.capture(Capture {
        quantity: Some(6),
        ..capture()
    });
    assert_eq!(outcome.amount, -12);
}

#[test]
fn a_hold_of_a_free_service_reserves_nothing_and_can_be_captured() {
    let mut it = Holds::new(&[(10, None)]);
    it.desk
        .rules
        .prices
        .insert("free".to_owned(), Price::each(0));
    let free = Hold {
        service: "free".to_owned(),
        amount: None,
        quantity: Some(3),
        ..hold(0)
    };
    assert_eq!(it.at("h", None, Action::Hold(free)).held, Some(0));
    let outcome = it.capture(capture());
    assert_eq!((outcome.amount, code(&outcome)), (0, None));
}

#[test]
fn a_replay_repeats_what_a_hold_and_a_capture_reported() {
    let mut it = Holds::new(&[(10, None)]);
    let first = it.hold(4);
    it.at(
        "c",
        None,
        Action::Capture(Capture {
            amount: Some(20),
            overrun: Some(Overrun::Cap),
            ..capture()
        }),
    );
    let again = it.hold(4);
    assert!(again.replayed);
    assert_eq!(
        (again.held, again.hold_expires_at),
        (first.held, first.hold_expires_at)
    );
    assert_eq!(again.transactions, first.transactions);
    let again = it.at(
        "c",
        None,
        Action::Capture(Capture {
            amount: Some(20),
            overrun: Some(Overrun::Cap),
            ..capture()
        }),
    );
    assert!(again.replayed);
    assert_eq!((again.amount, again.uncaptured), (-10, Some(10)));
}

#[test]
fn a_capture_of_nothing_names_no_account() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    it.capture(Capture {
        is_final: Some(false),
        ..capture()
    });
    assert_eq!(it.capture(capture()).amount, 0);
    let posting = it.desk.book.postings().last().expect("a posting");
    assert_eq!(posting.other_account, None);
}

#[test]
fn a_capture_reports_until_when_the_rest_is_held() {
    let step = || Capture {
        amount: Some(1),
        is_final: Some(false),
        ..capture()
    };
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    it.wait(14);
    let until = Some(at("2026-03-01T12:15:00"));
    assert_eq!(it.capture(step()).hold_expires_at, until);
    let last = it.capture(capture());
    assert_eq!((last.held, last.hold_expires_at), (Some(0), None));
    // A hold reserves nothing from its expiry on, also for a capture that was sent before.
    for minutes in [15, 16] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.wait(minutes);
        let sent = Some(at("2026-03-01T12:10:00"));
        let late = it.at("c", sent, Action::Capture(step()));
        assert_eq!((late.held, late.hold_expires_at), (Some(0), None));
    }
}
