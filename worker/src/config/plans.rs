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
    /// What the webhooks need of a plan, by plan.
    pub BTreeMap<String, PlanPrices>,
);

/// What the webhooks need of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanPrices {
    /// The price ids of payment providers.
    pub price_ids: Vec<String>,
    /// Whether the credits are multiplied by the quantity of the subscription.
    pub per_unit: bool,
}

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
            let (plan, own) = plan(section.section(&name));
            if own != PlanPrices::default() {
                prices.insert(name.clone(), own);
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
            let own = self.1.get(name).cloned().unwrap_or_default();
            table.insert("per_unit".to_owned(), own.per_unit.into());
            price_ids::show(&mut table, &own.price_ids);
            Value::Table(table)
        };
        self.0
            .iter()
            .map(|(name, plan)| (name.clone(), show(name, plan)))
            .collect()
    }
}

fn plan(section: Section<'_>) -> (Plan, PlanPrices) {
    let plan = Plan {
        enabled: section.boolean("enabled", true),
        credits: section.required_integer("credits", 0..=MAX_AMOUNT),
        validity_days: validity::required(&section, "period"),
    };
    let prices = PlanPrices {
        price_ids: price_ids::read(&section),
        per_unit: section.boolean("per_unit", false),
    };
    section.finish();
    (plan, prices)
}
