//! `[plans]`: the plans of subscriptions. The section is the whole list: it replaces the built-in
//! list.

use std::collections::BTreeMap;

use ledger::{MAX_AMOUNT, Plan, Rules};
use toml::{Table, Value};

use super::{section::Section, validity};

/// Plans by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plans(pub BTreeMap<String, Plan>);

impl Default for Plans {
    fn default() -> Self {
        Self(Rules::default().plans)
    }
}

impl Plans {
    pub(super) fn read(section: Section<'_>) -> Self {
        let plans = section.names().into_iter().map(|name| {
            section.check_id(&name);
            let plan = plan(section.section(&name));
            (name, plan)
        });
        let plans = plans.collect();
        section.finish();
        Self(plans)
    }

    pub(super) fn show(&self) -> Table {
        let show = |plan: &Plan| {
            let mut table = Table::from_iter([
                ("enabled".to_owned(), plan.enabled.into()),
                ("credits".to_owned(), plan.credits.into()),
            ]);
            validity::show(&mut table, plan.validity_days, "period");
            Value::Table(table)
        };
        self.0
            .iter()
            .map(|(name, plan)| (name.clone(), show(plan)))
            .collect()
    }
}

fn plan(section: Section<'_>) -> Plan {
    let plan = Plan {
        enabled: section.boolean("enabled", true),
        credits: section.required_integer("credits", 0..=MAX_AMOUNT),
        validity_days: validity::required(&section, "period"),
    };
    section.finish();
    plan
}
