//! The random generators for sequences of commands.

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Consume, DebtPolicy, DefaultPrice, Expire, Forgive, Item, MAX_AMOUNT, Origin, Package,
    Plan, Price, Promotion, Purchase, Refund, RevokeExtent, Rules, StatusChange,
};
use proptest::prelude::*;

use super::{debt_steps, hold_steps, subscription_steps};

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
    /// What a debt means at first.
    pub debt_policy: DebtPolicy,
    /// Whether a revocation that leaves a debt freezes the wallet.
    pub freeze_on_debt: bool,
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
    /// A capture or release of an earlier hold, of its user or another.
    Use {
        nth: u16,
        user: Option<usize>,
        reference: u8,
        when: When,
        by_staff: bool,
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
    /// The refund of an earlier consumption or capture, of the same user or of another one.
    Refund {
        nth: u16,
        user: Option<usize>,
        reference: u8,
        when: When,
        amount: Option<i64>,
        by_support: bool,
    },
    /// The revocation of an earlier deposit, of the same user or of another one.
    Revoke {
        nth: u16,
        user: Option<usize>,
        reference: u8,
        when: When,
        by_payment: bool,
        extent: RevokeExtent,
    },
    /// The reinstatement of an earlier revocation, of the same user or of another one.
    Reinstate {
        nth: u16,
        user: Option<usize>,
        reference: u8,
        when: When,
    },
    /// The policy about debts changes.
    Debt(DebtPolicy),
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
        debt_policy: start.debt_policy,
        freeze_on_debt: start.freeze_on_debt,
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
        price_ids: vec!["price_pro_eur".to_owned()],
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
        Action::Consume(_)
        | Action::Refund(_)
        | Action::Hold(_)
        | Action::Capture(_)
        | Action::Release(_) => Origin::Usage,
        Action::Expire(_) | Action::MonthlyGrant(_) => Origin::Internal,
        _ => Origin::Funding,
    }
}

pub(super) fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1..60_i64, 2 => 60..2_000_i64, 1 => Just(MAX_AMOUNT), 1 => Just(1_i64)]
}

pub(super) fn service() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("google:fast".to_owned()),
        Just("google:image".to_owned()),
        Just("llm:tokens".to_owned()),
        Just("free".to_owned()),
        Just("dear".to_owned()),
        Just("unpriced".to_owned()),
    ]
}

fn consume() -> impl Strategy<Value = Action> {
    let amounts = (
        proptest::option::of(amount()),
        proptest::option::of(amount()),
    );
    (service(), amounts).prop_map(|(service, (amount, quantity))| {
        Action::Consume(Consume {
            service,
            amount,
            quantity: quantity.filter(|_| amount.is_none()),
        })
    })
}

/// The quantity of a package or a plan.
pub fn units() -> impl Strategy<Value = Option<i64>> {
    proptest::option::weighted(0.3, 1..4_i64)
}

fn action() -> impl Strategy<Value = Action> {
    let days = || proptest::option::of(1..10_i64);
    let item = prop_oneof![
        Just(Item::Package("lite".to_owned())),
        Just(Item::Package("no such package".to_owned())),
        Just(Item::Price("price_pro".to_owned())),
        Just(Item::Price("price_pro_eur".to_owned())),
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
        6 => hold_steps::hold(),
        2 => Just(Action::RegistrationBonus),
        1 => (any::<u8>(), proptest::option::of(amount())).prop_map(|(reference, amount)| {
            Action::Refund(Refund { of: format!("r{}", reference % 96), amount })
        }),
        3 => (amount(), days()).prop_map(|(amount, validity_days)| {
            Action::Promotion(Promotion { amount, validity_days })
        }),
        4 => (item, units(), 0..6_u8, line, any::<bool>()).prop_map(
            |(item, quantity, payment, line, has_price)| Action::Purchase(Purchase {
                quantity: quantity.filter(|_| !matches!(item, Item::Credits { .. })),
                item,
                purchase_id: format!("pi_{payment}"),
                purchase_line: line.map(|line| line.to_string()),
                paid_micros: has_price.then_some(9_990_000),
                currency: has_price.then(|| "USD".to_owned()),
            })
        ),
        1 => Just(freeze),
        2 => Just(Action::Unfreeze(StatusChange { reason, actor })),
        2 => proptest::option::of(amount()).prop_map(|amount| {
            let (reason, actor) = ("ticket".to_owned(), "ops".to_owned());
            Action::Forgive(Forgive { amount, reason, actor })
        }),
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

fn refund() -> impl Strategy<Value = Step> {
    let user = prop_oneof![9 => Just(None::<usize>), 1 => (0..USERS.len()).prop_map(Some)];
    let when = prop_oneof![Just(When::Unsaid), (-10..3_000_i64).prop_map(When::Late)];
    let amount = proptest::option::weighted(0.7, prop_oneof![4 => 1..20_i64, 1 => amount()]);
    let named = (any::<u16>(), user, any::<u8>());
    (named, when, amount, any::<bool>()).prop_map(
        |((nth, user, reference), when, amount, by_support)| Step::Refund {
            nth,
            user,
            reference: reference % 96,
            when,
            amount,
            by_support,
        },
    )
}

/// Generates the initial settings of a sequence.
pub fn start() -> impl Strategy<Value = Start> {
    let lateness = prop_oneof![5 => Just(24_i64), 1 => Just(0), 1 => Just(7 * 24)];
    let splits = prop_oneof![4 => any::<u64>(), 1 => Just(u64::MAX)];
    let debt = (debt_steps::policy(), prop::bool::weighted(0.2));
    (
        any::<bool>(),
        0..4_i64,
        lateness,
        debt,
        prop::bool::weighted(0.9),
        splits,
    )
        .prop_map(
            |(trial_grants, grace_days, lateness_hours, debt, prepared, splits)| Start {
                trial_grants,
                grace_days,
                lateness_hours,
                debt_policy: debt.0,
                freeze_on_debt: debt.1,
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
        8 => hold_steps::use_of_a_hold(),
        12 => subscription_steps::event(),
        4 => subscription_steps::grant(),
        6 => refund(),
        7 => debt_steps::revoke(),
        3 => debt_steps::reinstate(),
        1 => debt_steps::policy().prop_map(Step::Debt),
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
