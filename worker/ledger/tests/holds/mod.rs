//! Holds, captures and releases: what they reserve, take and return, and when.

mod captures;
mod ended;
mod named;
mod refunded;

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Capture, Command, Hold, HoldStatus, Origin, Outcome, Promotion, Refusal, Release,
    StatusChange,
};

use crate::desk::{Desk, at, code, consume, settled};

/// A capture of everything that is held, without options.
fn capture() -> Capture {
    Capture {
        hold: "h".to_owned(),
        amount: None,
        quantity: None,
        is_final: None,
        overrun: None,
        late: None,
    }
}

fn hold(amount: i64) -> Hold {
    Hold {
        service: "google:chat".to_owned(),
        amount: Some(amount),
        quantity: None,
        expires_at: None,
        expires_in_seconds: None,
    }
}

/// A fixture at noon on 1 March, whose user has batches of these credits that expire after these
/// days.
struct Holds {
    desk: Desk,
    sent: usize,
}

impl Holds {
    fn new(batches: &[(i64, Option<i64>)]) -> Self {
        let desk = Desk::new("2026-03-01T12:00:00");
        let mut holds = Self { desk, sent: 0 };
        for (amount, validity_days) in batches {
            holds.send(Action::Promotion(Promotion {
                amount: *amount,
                validity_days: *validity_days,
            }));
        }
        holds
    }

    fn at(&mut self, reference: &str, when: Option<DateTime<Utc>>, action: Action) -> Outcome {
        let mut command = self.desk.command(when, action);
        reference.clone_into(&mut command.reference_id);
        if matches!(
            command.action,
            Action::Hold(_) | Action::Capture(_) | Action::Release(_)
        ) {
            command.origin = Origin::Usage;
        }
        self.decide(&command)
    }

    fn decide(&mut self, command: &Command) -> Outcome {
        settled(self.desk.decide(command))
    }

    fn send(&mut self, action: Action) -> Outcome {
        self.sent += 1;
        let reference = format!("s{}", self.sent);
        self.at(&reference, None, action)
    }

    fn hold(&mut self, amount: i64) -> Outcome {
        self.at("h", None, Action::Hold(hold(amount)))
    }

    fn capture(&mut self, capture: Capture) -> Outcome {
        self.send(Action::Capture(capture))
    }

    fn release(&mut self) -> Outcome {
        let hold = "h".to_owned();
        self.send(Action::Release(Release { hold }))
    }

    fn wait(&mut self, minutes: i64) {
        self.desk.now += TimeDelta::minutes(minutes);
    }

    /// Balance, held credits and available credits.
    fn credits(&self) -> (i64, i64, i64) {
        let wallet = self.desk.book.wallet("u").expect("a wallet");
        (
            wallet.balance,
            wallet.held,
            wallet.spendable_at(self.desk.now),
        )
    }

    fn status(&self) -> HoldStatus {
        let wallet = self.desk.book.wallet("u").expect("a wallet");
        wallet.holds().next().expect("a hold").status
    }
}

#[test]
fn a_hold_reserves_in_spending_order_and_moves_nothing() {
    let mut it = Holds::new(&[(10, None), (5, Some(3))]);
    let outcome = it.hold(8);
    assert_eq!((outcome.amount, outcome.held), (0, Some(8)));
    assert_eq!(outcome.available, Some(7));
    assert_eq!(outcome.hold_expires_at, Some(at("2026-03-01T12:15:00")));
    assert_eq!(it.credits(), (15, 8, 7));
    let wallet = it.desk.book.wallet("u").expect("a wallet");
    let held: Vec<_> = wallet.batches().iter().map(|batch| batch.held).collect();
    assert_eq!(
        held,
        [5, 3],
        "the batch that expires first is reserved first"
    );
    let refused = it.send(consume(8)).refused.expect("a refusal");
    assert_eq!((refused.required, refused.available), (Some(8), Some(7)));
    assert_eq!(it.send(consume(7)).amount, -7);
}

#[test]
fn a_hold_is_refused_like_a_consumption() {
    let mut it = Holds::new(&[(10, None)]);
    let refused = it.hold(11).refused.expect("a refusal");
    assert_eq!(refused.code, Refusal::InsufficientCredits);
    assert_eq!((refused.required, refused.available), (Some(11), Some(10)));
    let freeze = |reason: &str| StatusChange {
        reason: reason.to_owned(),
        actor: "ops".to_owned(),
    };
    it.send(Action::Freeze(freeze("fraud")));
    let other = it.send(Action::Hold(hold(1)));
    assert_eq!(code(&other), Some(Refusal::WalletFrozen));
    let mut unknown = hold(1);
    (unknown.service, unknown.amount) = ("none".to_owned(), None);
    let other = it.send(Action::Hold(unknown));
    assert_eq!(code(&other), Some(Refusal::UnknownService));
}

#[test]
fn a_frozen_wallet_still_captures_and_releases() {
    for action in [
        Action::Capture(capture()),
        Action::Release(Release {
            hold: "h".to_owned(),
        }),
    ] {
        let mut it = Holds::new(&[(10, None)]);
        it.hold(4);
        it.send(Action::Freeze(StatusChange {
            reason: "fraud".to_owned(),
            actor: "ops".to_owned(),
        }));
        assert_eq!(code(&it.send(action)), None);
        assert_eq!(it.credits().1, 0);
    }
}

#[test]
fn the_expiry_of_a_hold_is_within_the_maximum() {
    let noon = at("2026-03-01T12:00:00");
    let day = TimeDelta::hours(24);
    let instant = TimeDelta::microseconds(1);
    let cases = [
        (None, None, Ok(TimeDelta::minutes(15))),
        (None, Some(60), Ok(TimeDelta::minutes(1))),
        (None, Some(86_400), Ok(day)),
        (None, Some(86_401), Err(Refusal::InvalidExpiry)),
        (None, Some(0), Err(Refusal::InvalidExpiry)),
        (None, Some(i64::MAX), Err(Refusal::InvalidExpiry)),
        (Some(noon + day), None, Ok(day)),
        (
            Some(noon + day + instant),
            None,
            Err(Refusal::InvalidExpiry),
        ),
        (Some(noon), None, Err(Refusal::InvalidExpiry)),
    ];
    for (expires_at, expires_in_seconds, expected) in cases {
        let mut it = Holds::new(&[(10, None)]);
        let outcome = it.send(Action::Hold(Hold {
            expires_at,
            expires_in_seconds,
            ..hold(4)
        }));
        let found = match outcome.hold_expires_at {
            Some(expires_at) => Ok(expires_at - noon),
            None => Err(code(&outcome).expect("a refusal")),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn a_lower_maximum_limits_the_default_expiry() {
    let mut it = Holds::new(&[(10, None)]);
    it.desk.rules.max_hold = TimeDelta::minutes(5);
    let outcome = it.hold(4);
    assert_eq!(outcome.hold_expires_at, Some(at("2026-03-01T12:05:00")));
}

#[test]
fn the_expiry_counts_from_the_effective_time() {
    let mut it = Holds::new(&[(10, None)]);
    let when = Some(at("2026-03-01T11:50:00"));
    let outcome = it.at("h", when, Action::Hold(hold(4)));
    assert_eq!(outcome.hold_expires_at, Some(at("2026-03-01T12:05:00")));
}

#[test]
fn a_release_returns_the_rest_and_closes_the_hold() {
    let mut it = Holds::new(&[(10, None)]);
    it.hold(4);
    let outcome = it.release();
    assert_eq!(
        (outcome.amount, outcome.held, outcome.available),
        (0, Some(0), Some(10))
    );
    assert_eq!(it.credits(), (10, 0, 10));
    assert_eq!(code(&it.release()), Some(Refusal::HoldClosed));
    assert_eq!(code(&it.capture(capture())), Some(Refusal::HoldClosed));
}
