//! Holds that have expired.

use ledger::{
    Action, Capture, Hold, HoldStatus, Late, Overrun, Promotion, Refusal, TransactionType,
};

use chrono::TimeDelta;

use super::{Holds, capture, hold};
use crate::desk::{at, code, consume};

#[test]
fn a_hold_ends_by_time_without_a_job() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(10);
    it.wait(14);
    assert_eq!(
        code(&it.send(consume(1))),
        Some(Refusal::InsufficientCredits)
    );
    it.wait(1);
    assert_eq!(
        it.send(consume(10)).amount,
        -10,
        "the first command closes it"
    );
    assert_eq!(it.status(), HoldStatus::Expired);
    assert_eq!(it.credits(), (0, 0, 0));
    assert_eq!(code(&it.release()), Some(Refusal::HoldClosed));
}

#[test]
fn a_capture_in_time_that_arrives_late_takes_the_held_credits() {
    let sent = Some(at("2026-03-01T12:14:59"));
    // Whether another command closes the hold first or not, the result is the same.
    for closes in [false, true] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.wait(60);
        if closes {
            it.send(consume(6));
            assert_eq!(it.status(), HoldStatus::Expired);
        }
        let reject = Capture {
            late: Some(Late::Reject),
            ..capture()
        };
        let outcome = it.at("c", sent, Action::Capture(reject));
        assert_eq!((outcome.amount, outcome.held), (-4, Some(0)));
        assert_eq!(it.status(), HoldStatus::Captured);
    }
}

#[test]
fn what_was_spent_since_a_hold_ended_follows_the_option_late() {
    let sent = Some(at("2026-03-01T12:10:00"));
    for (late, bought, expected) in [
        (Some(Late::Reject), 0, Err(Refusal::HoldClosed)),
        (Some(Late::Reject), 9, Err(Refusal::HoldClosed)),
        (Some(Late::Consume), 0, Err(Refusal::InsufficientCredits)),
        (None, 9, Ok(-4)),
    ] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.wait(60);
        it.send(consume(7));
        if bought > 0 {
            // A late capture can spend only what it could have spent when it was sent.
            let gift = Promotion {
                amount: bought,
                validity_days: None,
            };
            it.at(
                "g",
                Some(at("2026-03-01T12:05:00")),
                Action::Promotion(gift),
            );
        }
        let outcome = it.at("c", sent, Action::Capture(Capture { late, ..capture() }));
        match expected {
            Ok(amount) => assert_eq!((outcome.amount, code(&outcome)), (amount, None)),
            Err(refusal) => assert_eq!(code(&outcome), Some(refusal)),
        }
    }
}

#[test]
fn a_capture_after_the_expiry_is_charged_like_a_consumption_or_refused() {
    for (late, overrun, amount, expected) in [
        (None, None, None, Ok(-4)),
        (None, None, Some(10), Ok(-10)),
        (None, None, Some(11), Err(Refusal::InsufficientCredits)),
        (None, Some(Overrun::Cap), Some(11), Ok(-10)),
        (
            None,
            Some(Overrun::Reject),
            Some(5),
            Err(Refusal::InsufficientCredits),
        ),
        (Some(Late::Reject), None, None, Err(Refusal::HoldClosed)),
    ] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.wait(15);
        let outcome = it.capture(Capture {
            amount,
            overrun,
            late,
            ..capture()
        });
        match expected {
            Ok(amount) => assert_eq!((outcome.amount, code(&outcome)), (amount, None)),
            Err(refusal) => assert_eq!(code(&outcome), Some(refusal)),
        }
    }
}

#[test]
fn nothing_is_captured_twice_after_the_expiry() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    it.wait(15);
    let step = Capture {
        amount: Some(3),
        is_final: Some(false),
        ..capture()
    };
    assert_eq!(it.capture(step).amount, -3);
    assert_eq!(it.capture(capture()).amount, -1, "the rest");
    assert_eq!(code(&it.capture(capture())), Some(Refusal::HoldClosed));
}

#[test]
fn held_credits_expire_when_they_are_returned_after_the_expiry_of_their_batch() {
    let expirations = |it: &Holds| {
        let postings = it.desk.book.postings().iter();
        let expired = postings.filter(|one| one.kind == TransactionType::Expiration);
        expired.map(|one| one.amount).collect::<Vec<_>>()
    };
    let mut it = Holds::new(&[(5, Some(1)), (10, None)]);
    it.desk.rules.max_hold = TimeDelta::days(9);
    let expires_at = Some(at("2026-03-08T12:00:00"));
    it.at(
        "h",
        None,
        Action::Hold(Hold {
            expires_at,
            ..hold(8)
        }),
    );
    it.wait(3 * 24 * 60);
    let cutoff = it.desk.now;
    it.send(Action::Expire(ledger::Expire { cutoff }));
    assert_eq!(it.credits(), (15, 8, 7), "held credits do not expire");
    let outcome = it.capture(Capture {
        amount: Some(2),
        ..capture()
    });
    assert_eq!(outcome.amount, -2);
    assert_eq!(
        outcome.balance,
        Some(13),
        "the outcome is that of the capture alone"
    );
    assert_eq!(expirations(&it), [-3]);
    assert_eq!(it.credits(), (10, 0, 10));

    let mut it = Holds::new(&[(5, Some(1))]);
    it.desk.rules.max_hold = TimeDelta::days(9);
    it.at(
        "h",
        None,
        Action::Hold(Hold {
            expires_at,
            ..hold(4)
        }),
    );
    it.wait(8 * 24 * 60);
    assert_eq!(
        code(&it.send(consume(1))),
        Some(Refusal::InsufficientCredits)
    );
    assert_eq!(
        expirations(&it),
        [-5],
        "the batch expires with the end of the hold"
    );
}

#[test]
fn a_late_capture_is_refused_with_what_it_could_have_taken() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    it.wait(60);
    it.send(consume(7));
    let sent = Some(at("2026-03-01T12:10:00"));
    let outcome = it.at("c", sent, Action::Capture(capture()));
    let refused = outcome.refused.expect("a refusal");
    assert_eq!(refused.code, Refusal::InsufficientCredits);
    assert_eq!((refused.required, refused.available), (Some(4), Some(3)));
}
