//! The part of the configuration that decides about the ledger.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::amount::{MAX_AMOUNT, Price};

/// The time from the effective time of a hold to its expiry, if the command names no expiry. A
/// lower [`Rules::max_hold`] limits it.
pub const DEFAULT_HOLD: TimeDelta = TimeDelta::minutes(15);

/// All settings that decide about the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether the credit system is enabled.
    pub enabled: bool,
    /// The maximum age of `occurredAt`. The expiry job waits equally long before it removes expired
    /// credits.
    pub max_lateness: TimeDelta,
    /// The cap, in spendable credits. Free grants are clipped to it.
    pub max_user_balance: i64,
    /// The registration bonus.
    pub registration: Registration,
    /// Name of the plan that every registered user falls back to, if it is enabled.
    pub free_plan: Option<String>,
    /// The maximum time from the effective time of a hold to its expiry.
    pub max_hold: TimeDelta,
    /// Whether a trial is granted like a paid subscription.
    pub trial_grants: bool,
    /// The time for which a subscription is still granted after a payment became overdue.
    pub past_due_grace: TimeDelta,
    /// Plans by name.
    pub plans: BTreeMap<String, Plan>,
    /// Packages by id.
    pub packages: BTreeMap<String, Package>,
    /// Prices by service.
    pub prices: BTreeMap<String, Price>,
    /// The price of services without a price of their own.
    pub default_price: DefaultPrice,
    /// Days until returned credits expire whose batch has expired.
    pub refund_grace_days: i64,
    /// What a debt means for new credits and for spending.
    pub debt_policy: DebtPolicy,
    /// Whether a revocation that leaves a debt freezes the wallet.
    pub freeze_on_debt: bool,
    /// The scope in which a reference is unique.
    pub references: References,
}

/// What a debt means for new credits and for spending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebtPolicy {
    /// New credits repay it first.
    #[default]
    RepayFirst,
    /// New credits repay it first, and the wallet may not spend until it is repaid.
    Block,
    /// It is recorded, and nothing depends on it.
    Report,
}

/// The scope in which a reference is unique.
///
/// The unique index of the database has the same rule, so it cannot change once the ledger has
/// commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// The origin. All senders share the references of an origin.
    #[default]
    PerOrigin,
    /// The origin and the verified sender. Commands without a sender share their references.
    PerSender,
}

impl References {
    /// The sender that a reference belongs to. `None` if all senders share it.
    pub fn owner(self, sender: Option<&str>) -> Option<&str> {
        sender.filter(|_| self == Self::PerSender)
    }
}

/// The credits that a new user gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Number of credits. With 0 a registration opens the wallet and adds no credits.
    pub credits: i64,
    /// Days until the credits expire. `None` means never.
    pub validity_days: Option<i64>,
}

/// A subscription plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether users can subscribe to it and are granted its credits.
    pub enabled: bool,
    /// Credits per month.
    pub credits: i64,
    /// Days until a month's credits expire. `None` means until the start of the next period.
    pub validity_days: Option<i64>,
}

impl Plan {
    /// The credits of a month of `quantity` units, at most [`MAX_AMOUNT`].
    pub fn credits_of(&self, quantity: i64) -> i64 {
        self.credits.saturating_mul(quantity).min(MAX_AMOUNT)
    }
}

/// A package of credits for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The credits that are paid for.
    pub credits: i64,
    /// Free credits on top, as a separate batch. 0 means none.
    pub bonus: i64,
    /// Days until both expire. `None` means never.
    pub validity_days: Option<i64>,
    /// The payment provider's id of the price.
    pub price_id: Option<String>,
    /// More ids of prices that stand for the package.
    pub price_ids: Vec<String>,
}

impl Package {
    /// Whether a price id of a payment provider stands for the package.
    pub fn has_price(&self, id: &str) -> bool {
        self.price_id.as_deref() == Some(id) || self.price_ids.iter().any(|known| known == id)
    }
}

/// The cost of a service that has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPrice {
    /// This price is charged.
    Price(Price),
    /// The command is refused as `unknown_service`.
    Reject,
}

impl Default for Rules {
    /// The built-in price and plan table. A service without a price is refused.
    fn default() -> Self {
        let package = |credits, bonus, days| Package {
            credits,
            bonus,
            validity_days: Some(days),
            price_id: None,
            price_ids: Vec::new(),
        };
        let plan = |credits| Plan {
            enabled: true,
            credits,
            validity_days: Some(30),
        };
        Self {
            enabled: true,
            max_lateness: TimeDelta::hours(24),
            max_user_balance: 10_000,
            registration: Registration {
                credits: 20,
                validity_days: Some(30),
            },
            free_plan: Some("free".to_owned()),
            max_hold: TimeDelta::hours(24),
            trial_grants: true,
            past_due_grace: TimeDelta::zero(),
            plans: [("free", plan(10)), ("pro", plan(200))]
                .map(|(name, plan)| (name.to_owned(), plan))
                .into(),
            packages: [
                ("lite", package(100, 10, 90)),
                ("standard", package(500, 50, 90)),
                ("pro", package(1500, 200, 90)),
                ("max", package(5000, 1000, 365)),
            ]
            .map(|(id, package)| (id.to_owned(), package))
            .into(),
            prices: [
                ("google:fast", 1),
                ("google:chat", 2),
                ("google:reasoning", 4),
                ("google:image", 5),
            ]
            .map(|(service, credits)| (service.to_owned(), Price::each(credits)))
            .into(),
            default_price: DefaultPrice::Reject,
            refund_grace_days: 7,
            debt_policy: DebtPolicy::RepayFirst,
            freeze_on_debt: false,
            references: References::PerOrigin,
        }
    }
}
