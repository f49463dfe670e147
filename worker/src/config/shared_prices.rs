//! Price ids that two packages or plans share, which is an error.

use std::collections::BTreeMap;

use super::{Packages, Plans, section::Section};

/// Notes a problem for each price id that stands for two packages or plans.
pub(super) fn refuse_shared(root: &Section<'_>, plans: &Plans, packages: &Packages) {
    let mut keys: BTreeMap<&str, String> = BTreeMap::new();
    let mut own = |key: String, id| {
        if let Some(other) = keys.insert(id, key.clone()) {
            let found = format!("{id:?}, which is also in `{other}`");
            root.wrong(&key, found, "a price id of its own", ());
        }
    };
    for (name, package) in &packages.0 {
        if let Some(id) = &package.rule.price_id {
            own(format!("packages.{name}.price_id"), id);
        }
        for id in &package.rule.price_ids {
            own(format!("packages.{name}.price_ids"), id);
        }
    }
    for (name, prices) in &plans.1 {
        for id in &prices.price_ids {
            own(format!("plans.{name}.price_ids"), id);
        }
    }
}
