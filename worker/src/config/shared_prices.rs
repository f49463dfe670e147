//! Price ids that two packages or plans share, which is an error.

use std::collections::BTreeMap;

use super::{Packages, Plans, section::Section};

/// Notes a problem for each price id that stands for two packages or plans.
pub(super) fn refuse_shared(root: &Section<'_>, plans: &Plans, packages: &Packages) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut own = |key: String, id, owner| {
        if let Some(other) = owners.insert(id, owner) {
            let found = format!("{id:?}, which is the price id of `{other}`");
            root.wrong(&key, found, "a price id of its own", ());
        }
    };
    for (name, package) in &packages.0 {
        if let Some(id) = &package.rule.price_id {
            own(format!("packages.{name}.price_id"), id, name);
        }
        for id in &package.price_ids {
            own(format!("packages.{name}.price_ids"), id, name);
        }
    }
    for (name, ids) in &plans.1 {
        for id in ids {
            own(format!("plans.{name}.price_ids"), id, name);
        }
    }
}
