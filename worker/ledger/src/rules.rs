//! The configuration as the core needs it.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::{amount::Price, command::Action, consume};

/// Everything that the configuration decides about the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether the credit system is on.
    pub enabled: bool,
    /// How far back `occurredAt` may reach; the sweep of lapsed batches waits as long.
    pub max_lateness: TimeDelta,
    /// Free grants are clipped so that no more than this is spendable.
    pub max_user_balance: i64,
    /// What a new user gets.
    pub registration: Registration,
    /// Name of the plan that every registered user falls back to, if it is enabled.
    pub free_plan: Option<String>,
    /// Whether a trial is granted like a subscription that is paid.
    pub trial_grants: bool,
    /// How long a subscription is granted after a payment fell due.
    pub past_due_grace: TimeDelta,
    /// Plans by name.
    pub plans: BTreeMap<String, Plan>,
    /// Packages by id.
    pub packages: BTreeMap<String, Package>,
    /// Prices by service.
    pub prices: BTreeMap<String, Price>,
    /// What a service without a price costs.
    pub default_price: DefaultPrice,
    /// Within what a reference is unique.
    pub references: References,
}

/// Within what a reference is unique. The database has the same rule in its unique index, so it cannot change once there are
/// commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// The origin: all senders share the references of an origin.
    #[default]
    PerOrigin,
    /// The origin and the verified sender. Commands without one share their references.
    PerSender,
}

impl References {
    /// The sender that a reference belongs to; absent where senders share it.
    pub fn owner(self, sender: Option<&str>) -> Option<&str> {
        sender.filter(|_| self == Self::PerSender)
    }
}

/// What a new user gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Credits; 0 opens the wallet and adds nothing.
    pub credits: i64,
    /// Days until they expire; never if absent.
    pub validity_days: Option<i64>,
}

/// A subscription plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether it can be subscribed to and is granted.
    pub enabled: bool,
    /// Credits a month.
    pub credits: i64,
    /// Days until a month's credits expire; until the next period if absent.
    pub validity_days: Option<i64>,
}

/// A package of credits for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Credits that are paid for.
    pub credits: i64,
    /// Credits on top, as a batch of their own; 0 for none.
    pub bonus: i64,
    /// Days until both expire; never if absent.
    pub validity_days: Option<i64>,
    /// The payment provider's id of the price.
    pub price_id: Option<String>,
}

/// What a service without a price costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPrice {
    /// As much as this.
    Price(Price),
    /// It is refused as `unknown_service`.
    Reject,
}

impl Rules {
    /// The price of a service, if it has one or there is a default.
    pub fn price(&self, service: &str) -> Option<Price> {
        self.prices.get(service).copied().or(match self.default_price {
            DefaultPrice::Price(price) => Some(price),
            DefaultPrice::Reject => None,
        })
    }

    /// Whether a command is charged by the default price, because its service has none.
    pub fn uses_default_price(&self, action: &Action) -> bool {
        let Action::Consume {
            service,
            amount: None,
            ..
        } = action
        else {
            return false;
        };
        matches!(self.default_price, DefaultPrice::Price(_)) && !self.prices.contains_key(service)
    }

    /// How many credits a command may take from spendable batches at most.
    pub fn demand(&self, action: &Action) -> i64 {
        match action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => consume::cost(service, *amount, *quantity, self).unwrap_or(0),
            _ => 0,
        }
    }
}

impl Default for Rules {
    /// The classic credit table; a service without a price is refused.
    fn default() -> Self {
        let package = |credits, bonus, days| Package {
            credits,
            bonus,
            validity_days: Some(days),
            price_id: None,
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
            references: References::PerOrigin,
        }
    }
}
