//! `[prices]`: the prices of services. The section is the whole list: it replaces the built-in
//! list.

use std::collections::BTreeMap;

use ledger::{MAX_AMOUNT, Price, Rules};
use toml::{Table, Value};

use super::section::{self, Section};

const PRICE: &str =
    "a whole number of credits from 0 to 1000000000000000, or { credits = 1, per = 1000 }";

/// Prices by service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices(pub BTreeMap<String, Price>);

impl Default for Prices {
    fn default() -> Self {
        Self(Rules::default().prices)
    }
}

impl Prices {
    pub(super) fn read(section: Section<'_>) -> Self {
        let mut prices = BTreeMap::new();
        for service in section.names() {
            section.check_id(&service);
            if let Some(value) = section.value(&service)
                && let Some(price) = read(&section, &service, value, "")
            {
                prices.insert(service, price);
            }
        }
        section.finish();
        Self(prices)
    }

    pub(super) fn show(&self) -> Table {
        self.0
            .iter()
            .map(|(service, price)| (service.clone(), show(*price)))
            .collect()
    }
}

/// Reads a price: `2`, or `{ credits = 1, per = 1000 }`. `or` is appended to the allowed values.
pub(super) fn read(section: &Section<'_>, name: &str, value: &Value, or: &str) -> Option<Price> {
    let price = match value {
        Value::Integer(credits) => Some(Price::each(*credits)),
        Value::Table(table) => per_units(table),
        _ => None,
    };
    let price = price.filter(|price| {
        (0..=MAX_AMOUNT).contains(&price.credits) && (1..=MAX_AMOUNT).contains(&price.per)
    });
    if price.is_none() {
        let found = match value {
            Value::Table(table) => table
                .to_string()
                .replace('\n', ", ")
                .trim_end_matches(", ")
                .to_owned(),
            other => section::found(other),
        };
        section.wrong(name, found, format!("{PRICE}{or}"), ());
    }
    price
}

fn per_units(table: &Table) -> Option<Price> {
    match (table.get("credits")?, table.get("per")?, table.len()) {
        (Value::Integer(credits), Value::Integer(per), 2) => Some(Price {
            credits: *credits,
            per: *per,
        }),
        _ => None,
    }
}

pub(super) fn show(price: Price) -> Value {
    if price.per == 1 {
        return price.credits.into();
    }
    let table = [
        ("credits".to_owned(), price.credits.into()),
        ("per".to_owned(), price.per.into()),
    ];
    Value::Table(Table::from_iter(table))
}
