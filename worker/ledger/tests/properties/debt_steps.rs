//! The random generators for revocations, reinstatements and debts.

use ledger::{DebtPolicy, RevokeExtent};
use proptest::prelude::*;

use super::steps::{Step, USERS, When, amount};

pub fn policy() -> impl Strategy<Value = DebtPolicy> {
    prop_oneof![
        3 => Just(DebtPolicy::RepayFirst),
        2 => Just(DebtPolicy::Block),
        1 => Just(DebtPolicy::Report),
    ]
}

fn extent() -> impl Strategy<Value = RevokeExtent> {
    let share = prop_oneof![
        1..=1_000_000_i64,
        Just(250_000),
        Just(333_333),
        Just(1),
        Just(1_000_000)
    ];
    let refunded = prop_oneof![
        (0..12_i64).prop_map(|units| units * 1_000_000),
        0..12_000_000_i64
    ];
    prop_oneof![
        3 => Just(RevokeExtent::All),
        3 => (1..80_i64).prop_map(RevokeExtent::Amount),
        1 => amount().prop_map(RevokeExtent::Amount),
        4 => share.prop_map(RevokeExtent::Share),
        4 => refunded.prop_map(RevokeExtent::AmountRefunded),
    ]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![3 => Just(When::Unsaid), 2 => (-10..3_000_i64).prop_map(When::Late)]
}

fn user() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![9 => Just(None), 1 => (0..USERS.len()).prop_map(Some)]
}

/// A revocation of an earlier deposit.
pub fn revoke() -> impl Strategy<Value = Step> {
    let named = (any::<u16>(), user(), any::<u8>(), any::<bool>());
    (named, when(), extent()).prop_map(|((nth, user, reference, by_payment), when, extent)| {
        Step::Revoke {
            nth,
            user,
            reference: reference % 96,
            when,
            by_payment,
            extent,
        }
    })
}

/// A reinstatement of an earlier revocation.
pub fn reinstate() -> impl Strategy<Value = Step> {
    (any::<u16>(), user(), any::<u8>(), when()).prop_map(|(nth, user, reference, when)| {
        Step::Reinstate {
            nth,
            user,
            reference: reference % 96,
            when,
        }
    })
}
