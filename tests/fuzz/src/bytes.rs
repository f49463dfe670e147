//! Sequences of commands as bytes, for a fuzzer. Every byte string is a sequence, and a small
//! change of the bytes is a small change of the sequence.
//!
//! The first 9 bytes are the [`Start`]. Each 8 bytes after them are one [`Step`]. Missing bytes at
//! the end count as zeros.

use ledger::{
    Action, Consume, DebtPolicy, Expire, Forgive, Item, MAX_AMOUNT, Promotion, Purchase,
    RevokeExtent, StatusChange, SubscriptionStatus, SubscriptionUpdate,
};
use strum::VariantArray;

use super::properties::{
    steps::{self, Start, Step, USERS, When, day},
    subscription_steps::subscription,
};

/// The length of the head in bytes.
pub const HEAD: usize = 9;
/// The length of a step in bytes.
pub const RECORD: usize = 8;
/// The maximum number of steps. Further steps are ignored.
const MOST: usize = 100;

/// The values of a step's first byte.
pub mod op {
    pub const CONSUME: u8 = 0;
    pub const REGISTER: u8 = 1;
    pub const PROMOTE: u8 = 2;
    pub const PURCHASE: u8 = 3;
    pub const FREEZE: u8 = 4;
    pub const UNFREEZE: u8 = 5;
    pub const EXPIRE: u8 = 6;
    pub const SUBSCRIBE: u8 = 7;
    pub const GRANT: u8 = 8;
    pub const WAIT: u8 = 9;
    pub const WAIT_DAYS: u8 = 10;
    pub const REPEAT: u8 = 11;
    pub const SWITCH: u8 = 12;
    pub const PLAN: u8 = 13;
    pub const UNPRICED: u8 = 14;
    pub const CAP: u8 = 15;
}

/// From this value of its byte `c` on, a step is about credits that come back or are taken back: a
/// step that repeats a command refunds a consumption, one that freezes revokes a deposit, one that
/// unfreezes reinstates a revocation or forgives debt, and one that sets the cap sets the policy of
/// debt.
const RETURNS: u8 = 128;
/// From this value of its byte `c` on, such a step of `UNFREEZE` forgives debt.
const FORGIVES: u8 = 192;

const POLICIES: [DebtPolicy; 4] = [
    DebtPolicy::RepayFirst,
    DebtPolicy::Block,
    DebtPolicy::Report,
    DebtPolicy::RepayFirst,
];

const SERVICES: [&str; 6] = [
    "llm:tokens",
    "google:fast",
    "google:image",
    "free",
    "dear",
    "unpriced",
];

/// Decodes a sequence.
pub fn read(data: &[u8]) -> (Start, Vec<Step>) {
    let head = padded::<HEAD>(&data[..data.len().min(HEAD)]);
    let [flags, splits @ ..] = head;
    let start = Start {
        trial_grants: flags & 1 == 0,
        grace_days: i64::from(flags >> 1 & 3),
        lateness_hours: [24, 24, 0, 7 * 24][usize::from(flags >> 3 & 3)],
        // The last byte of the ends of groups also chooses what a debt means.
        debt_policy: POLICIES[usize::from(splits[7] & 3)],
        freeze_on_debt: splits[7] & 0b1_1100 == 0b1_1100,
        prepared: flags >> 5 != 7,
        splits: u64::from_le_bytes(splits),
    };
    let records = data.get(HEAD..).unwrap_or_default().chunks(RECORD);
    (
        start,
        records
            .take(MOST)
            .map(|record| step(padded(record)))
            .collect(),
    )
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

fn step([op, user, reference, when, a, b, c, d]: [u8; RECORD]) -> Step {
    let choice = user >> 2;
    let user = usize::from(user & 3) % USERS.len();
    let number = u16::from_le_bytes([a, b]);
    let command = |action| Step::Command {
        user,
        reference: reference % 96,
        when: occurred(when),
        action,
    };
    let (reason, actor) = ("chargeback".to_owned(), "ops".to_owned());
    match op % 16 {
        op::REGISTER => command(Action::RegistrationBonus),
        op::PROMOTE => command(Action::Promotion(Promotion {
            amount: amount(number),
            validity_days: validity(c),
        })),
        op::PURCHASE => command(Action::Purchase(Purchase {
            quantity: None,
            item: match choice % 4 {
                0 => Item::Package("lite".to_owned()),
                1 => Item::Price("price_pro".to_owned()),
                2 => Item::Package("no such package".to_owned()),
                _ => Item::Credits {
                    credits: amount(number),
                    validity_days: validity(c),
                },
            },
            purchase_id: format!("pi_{}", d % 4),
            purchase_line: (d & 16 != 0).then(|| "2".to_owned()),
            paid_micros: (d & 4 == 0).then_some(9_990_000),
            currency: (d & 8 == 0).then(|| "USD".to_owned()),
        })),
        op::FREEZE if c >= RETURNS => Step::Revoke {
            nth: number,
            user: (choice & 0x30 == 0x30).then_some(user),
            reference: reference % 96,
            when: occurred(when),
            by_payment: choice & 1 == 1,
            extent: extent(choice >> 1 & 3, d),
        },
        op::UNFREEZE if c >= FORGIVES => command(Action::Forgive(Forgive {
            amount: (d > 0).then_some(i64::from(d)),
            reason,
            actor,
        })),
        op::UNFREEZE if c >= RETURNS => Step::Reinstate {
            nth: number,
            user: (choice & 0x30 == 0x30).then_some(user),
            reference: reference % 96,
            when: occurred(when),
        },
        op::FREEZE => command(Action::Freeze(StatusChange { reason, actor })),
        op::UNFREEZE => command(Action::Unfreeze(StatusChange { reason, actor })),
        op::EXPIRE => command(Action::Expire(Expire {
            cutoff: day(i64::from(number % 512) - 100),
        })),
        op::SUBSCRIBE => command(Action::Subscription(SubscriptionUpdate {
            quantity: None,
            subscription_id: subscription(user, [2, 2, 3, 0][usize::from(choice % 4)]),
            plan: ["pro", "max", "free", "gold"][usize::from(choice >> 2 & 3)].to_owned(),
            status: SubscriptionStatus::VARIANTS[usize::from(a) % 6],
            anchor: (b > 0).then(|| day(i64::from(b) * 2 - 400)),
            paid_through: (c > 0).then(|| day(i64::from(c) - 60)),
        })),
        op::GRANT => Step::Grant {
            user: if choice & 0x30 == 0x30 {
                usize::from(a) % USERS.len()
            } else {
                user
            },
            subscription: subscription(user, choice % 4),
            days: if b == 0 { 0 } else { i64::from(b) - 128 },
            honest: c < 230,
        },
        op::WAIT => Step::Wait(i64::from(number % 3_000)),
        op::WAIT_DAYS => Step::Wait(i64::from(a % 46) * 24 * 60),
        op::REPEAT if c >= RETURNS => Step::Refund {
            nth: number,
            user: (choice & 0x30 == 0x30).then_some(user),
            reference: reference % 96,
            when: occurred(when),
            amount: (d > 0).then_some(i64::from(d)),
            by_support: choice & 1 == 1,
        },
        op::REPEAT => Step::Repeat(number),
        op::SWITCH => Step::Switch(a < 200),
        op::PLAN => Step::Plan {
            nth: usize::from(choice % 3),
            enabled: [Some(true), Some(true), Some(false), None][usize::from(a & 3)],
        },
        op::UNPRICED => Step::Unpriced { costs: a < 128 },
        op::CAP if c >= RETURNS => Step::Debt(POLICIES[usize::from(a & 3)]),
        op::CAP => Step::Cap([steps::CAP, 0, MAX_AMOUNT, i64::from(number)][usize::from(c & 3)]),
        _ => command(Action::Consume(Consume {
            service: SERVICES[usize::from(choice) % SERVICES.len()].to_owned(),
            amount: (c % 3 == 1).then(|| amount(number)),
            quantity: (c % 3 == 0).then(|| amount(number)),
        })),
    }
}

/// `number`, but at least 1; the largest number stands for [`MAX_AMOUNT`].
fn amount(number: u16) -> i64 {
    match number {
        u16::MAX => MAX_AMOUNT,
        number => i64::from(number).max(1),
    }
}

/// All of a deposit, or a part of it.
fn extent(form: u8, byte: u8) -> RevokeExtent {
    let part = i64::from(byte) + 1;
    match form {
        0 => RevokeExtent::All,
        1 => RevokeExtent::Amount(part),
        2 => RevokeExtent::Share(part * 3_906),
        _ => RevokeExtent::AmountRefunded(part * 50_000),
    }
}

fn validity(byte: u8) -> Option<i64> {
    (!byte.is_multiple_of(10)).then(|| i64::from(byte % 10))
}

/// Bytes below 64 stand for no time, bytes below 160 for a number of quarter hours ago (or ahead),
/// and the others for a day.
fn occurred(byte: u8) -> When {
    match i64::from(byte) {
        0..64 => When::Unsaid,
        byte @ 64..160 => When::Late((byte - 66) * 15),
        byte => When::Day(byte - 200),
    }
}
