//! The random generators for events of subscriptions and grants of periods.

use chrono::TimeDelta;
use ledger::{Action, SubscriptionStatus, SubscriptionUpdate};
use proptest::prelude::*;

use super::steps::{Step, USERS, When, day, units};

/// The id of a subscription: either shared by all users or the user's own.
pub fn subscription(owner: usize, nth: u8) -> String {
    let user = USERS[owner];
    match nth {
        0 => "sub".to_owned(),
        1 => format!("free:{user}"),
        _ => format!("sub:{user}:{nth}"),
    }
}

/// An event of a subscription.
pub fn event() -> impl Strategy<Value = Step> {
    let id = prop_oneof![1 => Just(0_u8), 6 => Just(2_u8), 2 => Just(3_u8)];
    let when = prop_oneof![
        3 => Just(When::Unsaid),
        2 => (-10..3_000_i64).prop_map(When::Late),
        2 => (-8..1_i64).prop_map(When::Late),
        4 => (-60..60_i64).prop_map(When::Day),
        2 => (2..8_i64).prop_map(When::Day),
        1 => Just(When::Day(5)),
        1 => (-500..200_i64).prop_map(When::Day),
    ];
    let plan =
        prop_oneof![4 => Just("pro"), 3 => Just("max"), 2 => Just("free"), 1 => Just("gold")];
    let status = prop_oneof![
        8 => Just(SubscriptionStatus::Active),
        2 => Just(SubscriptionStatus::Trialing),
        5 => Just(SubscriptionStatus::PastDue),
        2 => Just(SubscriptionStatus::Paused),
        2 => Just(SubscriptionStatus::Canceled),
        1 => Just(SubscriptionStatus::Expired),
    ];
    let anchor = prop_oneof![
        3 => Just(None),
        2 => (-400..60_i64).prop_map(|days| Some(day(days))),
        1 => (-8..8_i64).prop_map(|minutes| Some(day(5) + TimeDelta::minutes(minutes))),
    ];
    let paid_through = proptest::option::weighted(0.3, (-60..200_i64).prop_map(day));
    let said = (plan, units(), status, anchor, paid_through);
    (0..USERS.len(), id, any::<u8>(), when, said).prop_map(
        |(user, id, reference, when, (plan, quantity, status, anchor, paid_through))| {
            Step::Command {
                user,
                reference: reference % 96,
                when,
                action: Action::Subscription(SubscriptionUpdate {
                    subscription_id: subscription(user, id),
                    plan: plan.to_owned(),
                    quantity,
                    status,
                    anchor,
                    paid_through,
                }),
            }
        },
    )
}

/// The grant of a period.
pub fn grant() -> impl Strategy<Value = Step> {
    let days = prop_oneof![6 => Just(0_i64), 2 => -70..70_i64];
    let user = prop_oneof![9 => Just(None::<usize>), 1 => (0..USERS.len()).prop_map(Some)];
    let honest = prop::bool::weighted(0.9);
    (0..USERS.len(), 0..4_u8, user, days, honest).prop_map(|(owner, nth, user, days, honest)| {
        Step::Grant {
            user: user.unwrap_or(owner),
            subscription: subscription(owner, nth),
            days,
            honest,
        }
    })
}
