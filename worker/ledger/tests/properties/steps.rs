//! The random generators for sequences of commands.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Consume, DefaultPrice, Expire, Item, MAX_AMOUNT, Origin, Package, Plan, Price,
    Promotion, Purchase, Rules, StatusChange, SubscriptionStatus, SubscriptionUpdate,
};
use proptest::prelude::*;

/// The users whose wallets the commands change.
pub const USERS: [&str; 3] = ["ada", "bob", "cy"];

/// The plans that exist at first. `gold` never exists.
const PLANS: [(&str, Plan); 3] = [
    ("free", plan(10, Some(30))),
    ("pro", plan(200, Some(30))),
    ("max", plan(700, None)),
];

const fn plan(credits: i64, validity_days: Option<i64>) -> Plan {
    Plan {
        enabled: true,
        credits,
        validity_days,
    }
}

/// The initial settings of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Whether a trial is granted like a paid subscription.
    pub trial_grants: bool,
    /// The time in days for which a subscription is still granted after a payment became overdue.
    pub grace_days: i64,
    /// The maximum age of a command's time, in hours.
    pub lateness_hours: i64,
    /// Whether each user has a prepared row for a wallet that is not open yet, as in the store.
    pub prepared: bool,
    /// The ends of groups: bit `n % 64` is set if command `n` ends a group.
    pub splits: u64,
}

/// One step of a sequence.
#[derive(Clone, Debug)]
pub enum Step {
    /// A command with user, reference, time and action.
    Command {
        user: usize,
        reference: u8,
        when: When,
        action: Action,
    },
    /// The grant of a subscription's next period, or of one some days off, under its own reference
    /// or another.
    Grant {
        user: usize,
        subscription: String,
        days: i64,
        honest: bool,
    },
    /// The clock advances by this number of minutes.
    Wait(i64),
    /// The next command was received this number of minutes ago.
    Received(i64),
    /// An earlier command is sent again.
    Repeat(u16),
    /// The content of an earlier command is sent under a new reference.
    Again(u16),
    /// The credit system is enabled or disabled.
    Switch(bool),
    /// A service without a price costs the default price, or is refused.
    Unpriced { costs: bool },
    /// The cap changes.
    Cap(i64),
    /// A plan is enabled, disabled or removed.
    Plan { nth: usize, enabled: Option<bool> },
}

/// The time that a command names.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// No time.
    Unsaid,
    /// This number of minutes ago.
    Late(i64),
    /// This number of days after the start, so several commands have the same time.
    Day(i64),
}

impl When {
    /// The instant that a command names at `now`.
    pub fn instant(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Unsaid => None,
            Self::Late(minutes) => Some(now - TimeDelta::minutes(minutes)),
            Self::Day(days) => Some(day(days)),
        }
    }
}

/// An instant on a whole day, so that expiries, periods and cutoffs sometimes coincide.
pub fn day(days: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).expect("an instant") + TimeDelta::days(days)
}

/// The cap at the start of a sequence.
pub const CAP: i64 = 1_500;

/// The rules at the start of a sequence.
pub fn rules(start: &Start) -> Rules {
    let mut rules = Rules {
        max_user_balance: CAP,
        max_lateness: TimeDelta::hours(start.lateness_hours),
        trial_grants: start.trial_grants,
        past_due_grace: TimeDelta::days(start.grace_days),
        default_price: DefaultPrice::Price(Price::each(1)),
        ..Rules::default()
    };
    rules.prices.insert(
        "llm:tokens".to_owned(),
        Price {
            credits: 1,
            per: 1000,
        },
    );
    rules.prices.insert("free".to_owned(), Price::each(0));
    rules
        .prices
        .insert("dear".to_owned(), Price::each(MAX_AMOUNT));
    let pro = Package {
        credits: 150,
        bonus: 20,
        validity_days: Some(5),
        price_id: Some("price_pro".to_owned()),
    };
    rules.packages.insert("pro".to_owned(), pro);
    rules.plans = PLANS.map(|(name, plan)| (name.to_owned(), plan)).into();
    rules
}

/// Sets the plan with this index.
pub fn set_plan(rules: &mut Rules, nth: usize, enabled: Option<bool>) {
    let (name, plan) = PLANS[nth];
    match enabled {
        Some(enabled) => rules
            .plans
            .insert(name.to_owned(), Plan { enabled, ..plan }),
        None => rules.plans.remove(name),
    };
}

/// Sets the price of services without a price.
pub fn set_default(rules: &mut Rules, costs: bool) {
    rules.default_price = if costs {
        DefaultPrice::Price(Price::each(1))
    } else {
        DefaultPrice::Reject
    };
}

/// The origin of a command.
pub fn origin(action: &Action) -> Origin {
    match action {
        Action::Consume(_) => Origin::Usage,
        Action::Expire(_) | Action::MonthlyGrant(_) => Origin::Internal,
        _ => Origin::Funding,
    }
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..60_i64, 2 => 60..2_000_i64, 1 => Just(MAX_AMOUNT), 1 => Just(1_i64)]
}

fn consume() -> impl Strategy<Value = Action> {
    let service = prop_oneof![
        Just("google:fast".to_owned()),
        Just("google:image".to_owned()),
        Just("llm:tokens".to_owned()),
        Just("free".to_owned()),
        Just("dear".to_owned()),
        Just("unpriced".to_owned()),
    ];
    let amounts = (
        proptest::option::of(amount()),
        proptest::option::of(amount()),
    );
    (service, amounts).prop_map(|(service, (amount, quantity))| {
        Action::Consume(Consume {
            service,
            amount,
            quantity: quantity.filter(|_| amount.is_none()),
        })
    })
}

fn action() -> impl Strategy<Value = Action> {
    let days = || proptest::option::of(1..10_i64);
    let item = prop_oneof![
        Just(Item::Package("lite".to_owned())),
        Just(Item::Package("no such package".to_owned())),
        Just(Item::Price("price_pro".to_owned())),
        (amount(), days()).prop_map(|(credits, validity_days)| Item::Credits {
            credits,
            validity_days
        }),
    ];
    let line = proptest::option::of(1..4_u8);
    let (reason, actor) = ("chargeback".to_owned(), "ops".to_owned());
    let freeze = Action::Freeze(StatusChange {
        reason: reason.clone(),
        actor: actor.clone(),
    });
    prop_oneof![
        10 => consume(),
        2 => Just(Action::RegistrationBonus),
        3 => (amount(), days()).prop_map(|(amount, validity_days)| {
            Action::Promotion(Promotion { amount, validity_days })
        }),
        4 => (item, 0..6_u8, line, any::<bool>()).prop_map(|(item, payment, line, has_price)| {
            Action::Purchase(Purchase {
                item,
                purchase_id: format!("pi_{payment}"),
                purchase_line: line.map(|line| line.to_string()),
                paid_micros: has_price.then_some(9_990_000),
                currency: has_price.then(|| "USD".to_owned()),
            })
        }),
        1 => Just(freeze),
        2 => Just(Action::Unfreeze(StatusChange { reason, actor })),
        2 => prop_oneof![5..12_i64, 0..200_i64].prop_map(|days| {
            Action::Expire(Expire { cutoff: day(days) })
        }),
    ]
}

fn command() -> impl Strategy<Value = Step> {
    let when = prop_oneof![Just(When::Unsaid), (-10..3_000_i64).prop_map(When::Late)];
    (0..USERS.len(), any::<u8>(), when, action()).prop_map(|(user, reference, when, action)| {
        Step::Command {
            user,
            reference: reference % 96,
            when,
            action,
        }
    })
}

/// The id of a subscription: either shared by all users or the user's own.
pub fn subscription(owner: usize, nth: u8) -> String {
    let user = USERS[owner];
    match nth {
        0 => "sub".to_owned(),
        1 => format!("free:{user}"),
        _ => format!("sub:{user}:{nth}"),
    }
}

fn event() -> impl Strategy<Value = Step> {
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
    let said = (plan, status, anchor, paid_through);
    (0..USERS.len(), id, any::<u8>(), when, said).prop_map(
        |(user, id, reference, when, (plan, status, anchor, paid_through))| Step::Command {
            user,
            reference: reference % 96,
            when,
            action: Action::Subscription(SubscriptionUpdate {
                subscription_id: subscription(user, id),
                plan: plan.to_owned(),
                status,
                anchor,
                paid_through,
            }),
        },
    )
}

fn grant() -> impl Strategy<Value = Step> {
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

/// Generates the initial settings of a sequence.
pub fn start() -> impl Strategy<Value = Start> {
    let lateness = prop_oneof![5 => Just(24_i64), 1 => Just(0), 1 => Just(7 * 24)];
    let splits = prop_oneof![4 => any::<u64>(), 1 => Just(u64::MAX)];
    (
        any::<bool>(),
        0..4_i64,
        lateness,
        prop::bool::weighted(0.9),
        splits,
    )
        .prop_map(
            |(trial_grants, grace_days, lateness_hours, prepared, splits)| Start {
                trial_grants,
                grace_days,
                lateness_hours,
                prepared,
                splits,
            },
        )
}

/// Generates one step of a sequence.
pub fn step() -> impl Strategy<Value = Step> {
    let enabled = prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    prop_oneof![
        14 => command(),
        12 => event(),
        4 => grant(),
        2 => prop_oneof![2 => 1..2_000_i64, 1 => 1..100_000_i64].prop_map(Step::Received),
        2 => (0..2_000_i64).prop_map(Step::Wait),
        2 => (0..18_i64).prop_map(Step::Wait),
        2 => (0..3_i64).prop_map(|days| Step::Wait(days * 24 * 60)),
        1 => (10..45_i64).prop_map(|days| Step::Wait(days * 24 * 60)),
        1 => prop::bool::weighted(0.9).prop_map(Step::Switch),
        1 => (0..PLANS.len(), enabled).prop_map(|(nth, enabled)| Step::Plan { nth, enabled }),
        3 => any::<u16>().prop_map(Step::Repeat),
        3 => any::<u16>().prop_map(Step::Again),
        1 => prop::bool::weighted(0.7).prop_map(|costs| Step::Unpriced { costs }),
        1 => prop_oneof![3 => Just(CAP), 1 => Just(0_i64), 1 => Just(MAX_AMOUNT)]
            .prop_map(Step::Cap),
    ]
}
