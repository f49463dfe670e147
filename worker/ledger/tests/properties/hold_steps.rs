//! The random generators for holds, captures and releases.

use ledger::{Action, Capture, Hold, Late, Overrun, Release};
use proptest::prelude::*;

use super::steps::{Step, USERS, When, amount, day, service};

pub fn hold() -> impl Strategy<Value = Action> {
    let amounts = prop_oneof![
        4 => (1..60_i64).prop_map(|amount| (Some(amount), None)),
        1 => amount().prop_map(|amount| (Some(amount), None)),
        2 => amount().prop_map(|quantity| (None, Some(quantity))),
        1 => Just((None, None)),
    ];
    let expiry = prop_oneof![
        4 => Just((None, None)),
        4 => (1..5_400_i64).prop_map(|seconds| (None, Some(seconds))),
        1 => (86_399..86_402_i64).prop_map(|seconds| (None, Some(seconds))),
        1 => (3..9_i64).prop_map(|days| (Some(day(days)), None)),
    ];
    (service(), amounts, expiry).prop_map(
        |(service, (amount, quantity), (expires_at, expires_in_seconds))| {
            Action::Hold(Hold {
                service,
                amount,
                quantity,
                expires_at,
                expires_in_seconds,
            })
        },
    )
}

/// A capture or a release. The run names the hold.
pub fn use_of_a_hold() -> impl Strategy<Value = Step> {
    let amounts = prop_oneof![
        3 => Just((None, None)),
        4 => (1..60_i64).prop_map(|amount| (Some(amount), None)),
        2 => amount().prop_map(|quantity| (None, Some(quantity))),
    ];
    let overrun = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Overrun::Spend)),
        2 => Just(Some(Overrun::Cap)),
        2 => Just(Some(Overrun::Reject)),
    ];
    let late =
        prop_oneof![2 => Just(None), 1 => Just(Some(Late::Consume)), 2 => Just(Some(Late::Reject))];
    let hold = String::new();
    let capture = (amounts, proptest::option::of(any::<bool>()), overrun, late).prop_map(
        |((amount, quantity), is_final, overrun, late)| {
            Action::Capture(Capture {
                hold: String::new(),
                amount,
                quantity,
                is_final,
                overrun,
                late,
            })
        },
    );
    let action = prop_oneof![5 => capture, 1 => Just(Action::Release(Release { hold }))];
    let when = prop_oneof![
        2 => Just(When::Unsaid),
        4 => (0..40_i64).prop_map(When::Late),
        1 => (-10..3_000_i64).prop_map(When::Late),
    ];
    let user = prop_oneof![9 => Just(None), 1 => (0..USERS.len()).prop_map(Some)];
    (
        any::<u16>(),
        user,
        any::<u8>(),
        when,
        prop::bool::weighted(0.2),
        action,
    )
        .prop_map(|(nth, user, reference, when, by_staff, action)| Step::Use {
            nth,
            user,
            reference: reference % 96,
            when,
            by_staff,
            action,
        })
}
