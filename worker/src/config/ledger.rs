//! `[ledger]`: the rules that are the same for all users.

use std::time::Duration;

use ledger::{DefaultPrice, MAX_AMOUNT};
use toml::{Table, Value};

use super::{duration, prices, section::Section};

const DAY: Duration = Duration::from_hours(24);

/// The rules that are the same for all users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Whether the credit system is on.
    pub enabled: bool,
    /// Cap of spendable credits: free grants are clipped to it.
    pub max_user_balance: i64,
    /// Maximum age of `occurredAt`.
    pub max_lateness: Duration,
    /// The price of a service that has none in `[prices]`, or its refusal.
    pub default_consumption: DefaultPrice,
    /// Whether a user without a paid plan may buy packages. `canPurchase` returns it. A paid
    /// purchase is never refused for this reason.
    pub allow_free_user_purchase_packages: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            enabled: true,
            max_user_balance: 10_000,
            max_lateness: DAY,
            default_consumption: DefaultPrice::Reject,
            allow_free_user_purchase_packages: true,
        }
    }
}

impl Ledger {
    pub(super) fn read(section: Section<'_>) -> Self {
        let default = Self::default();
        let read = Self {
            enabled: section.boolean("enabled", default.enabled),
            max_user_balance: section.integer(
                "max_user_balance",
                0..=MAX_AMOUNT,
                default.max_user_balance,
            ),
            max_lateness: section.duration(
                "max_lateness",
                Duration::ZERO..=30 * DAY,
                default.max_lateness,
            ),
            default_consumption: default_price(&section).unwrap_or(default.default_consumption),
            allow_free_user_purchase_packages: section.boolean(
                "allow_free_user_purchase_packages",
                default.allow_free_user_purchase_packages,
            ),
        };
        section.finish();
        read
    }

    pub(super) fn show(&self) -> Table {
        let default_consumption = match self.default_consumption {
            DefaultPrice::Reject => "reject".into(),
            DefaultPrice::Price(price) => prices::show(price),
        };
        Table::from_iter([
            ("enabled".to_owned(), self.enabled.into()),
            ("max_user_balance".to_owned(), self.max_user_balance.into()),
            (
                "max_lateness".to_owned(),
                duration::format(self.max_lateness).into(),
            ),
            ("default_consumption".to_owned(), default_consumption),
            (
                "allow_free_user_purchase_packages".to_owned(),
                self.allow_free_user_purchase_packages.into(),
            ),
        ])
    }
}

fn default_price(section: &Section<'_>) -> Option<DefaultPrice> {
    match section.value("default_consumption")? {
        Value::String(word) if word == "reject" => Some(DefaultPrice::Reject),
        value => prices::read(section, "default_consumption", value, " or \"reject\"")
            .map(DefaultPrice::Price),
    }
}
