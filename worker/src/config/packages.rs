//! `[packages]`: credits for sale. The section is the whole list: it replaces the built-in list.
//!
//! `CREDIT_LITE_PRICE_ID`, `CREDIT_STANDARD_PRICE_ID`, `CREDIT_PRO_PRICE_ID` and
//! `CREDIT_MAX_PRICE_ID` set the price ids of the packages with these names, if they exist.

use std::collections::BTreeMap;

use ledger::{MAX_AMOUNT, Rules};
use producer_sdk::contract::AmountPaid;
use toml::{Table, Value};

use super::{price_ids, section::Section, source::Source, validity};

/// Packages by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packages(pub BTreeMap<String, Package>);

/// A package of credits for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The part that the ledger uses.
    pub rule: ledger::Package,
    /// Whether a webhook multiplies the credits by the quantity that was bought.
    pub per_unit: bool,
    /// The price, for apps that display it.
    pub price: Option<AmountPaid>,
    /// The currency of the price: three upper-case letters.
    pub currency: String,
    /// Whether the package is for sale. A paid purchase is credited even if it is not.
    pub enabled: bool,
    /// Whether apps should highlight the package.
    pub popular: bool,
}

impl Default for Packages {
    fn default() -> Self {
        let mut rules = Rules::default().packages;
        let price = |id: &str| match id {
            "lite" => 9_990_000,
            "standard" => 29_990_000,
            "pro" => 79_990_000,
            _ => 199_990_000,
        };
        let ids: Vec<String> = rules.keys().cloned().collect();
        let packages = ids.into_iter().filter_map(|id| {
            let package = Package {
                rule: rules.remove(&id)?,
                per_unit: false,
                price: AmountPaid::from_micros(price(&id)),
                currency: "USD".to_owned(),
                enabled: true,
                popular: id == "pro",
            };
            Some((id, package))
        });
        Self(packages.collect())
    }
}

impl Packages {
    pub(super) fn read(section: Section<'_>) -> Self {
        let packages = section.names().into_iter().map(|id| {
            section.check_id(&id);
            let package = package(section.section(&id));
            (id, package)
        });
        let packages = packages.collect();
        section.finish();
        Self(packages)
    }

    /// Sets the price ids of the environment.
    pub(super) fn set_price_ids(&mut self, source: &Source) {
        for (id, (_, price_id)) in &source.price_ids {
            if let Some(package) = self.0.get_mut(*id) {
                package.rule.price_id = Some(price_id.clone());
            }
        }
    }

    pub(super) fn show(&self) -> Table {
        self.0
            .iter()
            .map(|(id, package)| (id.clone(), show(package)))
            .collect()
    }
}

fn package(section: Section<'_>) -> Package {
    let price = section.text("price").and_then(|text| {
        let allowed = "a decimal number in quotes with at most 6 decimals, such as \"9.99\"";
        text.parse().map_or_else(
            |_| section.wrong("price", format!("{text:?}"), allowed, None),
            Some,
        )
    });
    let currency = section.text("currency").unwrap_or_else(|| "USD".to_owned());
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        section.wrong(
            "currency",
            format!("{currency:?}"),
            "three upper-case letters, such as \"USD\"",
            (),
        );
    }
    let package = Package {
        rule: ledger::Package {
            credits: section.required_integer("credits", 1..=MAX_AMOUNT),
            bonus: section.integer("bonus", 0..=MAX_AMOUNT, 0),
            validity_days: validity::required(&section, "never"),
            price_id: section.text("price_id"),
            price_ids: price_ids::read(&section),
        },
        per_unit: section.boolean("per_unit", false),
        price,
        currency,
        enabled: section.boolean("enabled", true),
        popular: section.boolean("popular", false),
    };
    section.finish();
    package
}

fn show(package: &Package) -> Value {
    let mut table = Table::from_iter([
        ("credits".to_owned(), package.rule.credits.into()),
        ("bonus".to_owned(), package.rule.bonus.into()),
        ("currency".to_owned(), package.currency.clone().into()),
        ("enabled".to_owned(), package.enabled.into()),
        ("per_unit".to_owned(), package.per_unit.into()),
        ("popular".to_owned(), package.popular.into()),
    ]);
    validity::show(&mut table, package.rule.validity_days, "never");
    if let Some(price) = package.price {
        table.insert("price".to_owned(), price.to_string().into());
    }
    if let Some(price_id) = &package.rule.price_id {
        table.insert("price_id".to_owned(), price_id.clone().into());
    }
    price_ids::show(&mut table, &package.rule.price_ids);
    Value::Table(table)
}
