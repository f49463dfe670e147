//! `[plans]`: the plans of subscriptions. The section is the whole list: it replaces the built-in
//! list.

use std::collections::BTreeMap;

use ledger::{MAX_AMOUNT, Plan, Rules};
use toml::{Table, Value};

use super::{price_ids, section::Section, validity};

/// Plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans(
    /// The plans by name.
    pub BTreeMap<String, Plan>,
    /// The price ids of payment providers, by plan.
    pub BTreeMap<String, Vec<String>>,
);

impl Default for Plans {
    fn default() -> Self {
        Self(Rules::default().plans, BTreeMap::new())
    }
}

impl Plans {
    pub(super) fn read(section: Section<'_>) -> Self {
        let (mut plans, mut prices) = (BTreeMap::new(), BTreeMap::new());
        for name in section.names() {
            section.check_id(&name);
            let (plan, price_ids) = plan(section.section(&name));
            if !price_ids.is_empty() {
                prices.insert(name.clone(), price_ids);
            }
            plans.insert(name, plan);
        }
        section.finish();
        Self(plans, prices)
    }

    pub(super) fn show(&self) -> Table {
        let show = |name: &str, plan: &Plan| {
            let mut table = Table::from_iter([
                ("enabled".to_owned(), plan.enabled.into()),
                ("credits".to_owned(), plan.credits.into()),
            ]);
            validity::show(&mut table, plan.validity_days, "period");
            price_ids::show(&mut table, self.1.get(name).map_or(&[][..], Vec::as_slice));
            Value::Table(table)
        };
        self.0
            .iter()
            .map(|(name, plan)| (name.clone(), show(name, plan)))
            .collect()
    }
}

fn plan(section: Section<'_>) -> (Plan, Vec<String>) {
    let plan = Plan {
        enabled: section.boolean("enabled", true),
        credits: section.required_integer("credits", 0..=MAX_AMOUNT),
        validity_days: validity::required(&section, "period"),
    };
    let price_ids = price_ids::read(&section);
    section.finish();
    (plan, price_ids)
}
