//! `price_ids` of packages and plans: the prices of a payment provider that stand for them.

use toml::{Table, Value};

use super::section::{self, Section};

const ALLOWED: &str = "a list of at most 100 texts of 1 to 200 bytes, such as [\"price_1\"]";
const MAX_IDS: usize = 100;

/// The list in a section; empty if it is absent.
pub(super) fn read(section: &Section<'_>) -> Vec<String> {
    let values = match section.value("price_ids") {
        None => return Vec::new(),
        Some(Value::Array(values)) if values.len() <= MAX_IDS => values,
        Some(other) => {
            return section.wrong("price_ids", section::found(other), ALLOWED, Vec::new());
        }
    };
    let is_id = |text: &&str| (1..=200).contains(&text.len());
    let ids = values
        .iter()
        .map(|value| value.as_str().filter(is_id).map(ToOwned::to_owned));
    ids.collect::<Option<Vec<String>>>().unwrap_or_else(|| {
        let found = "a list with other values";
        section.wrong("price_ids", found, ALLOWED, Vec::new())
    })
}

/// Adds the list to the table of a package or a plan.
pub(super) fn show(table: &mut Table, ids: &[String]) {
    if !ids.is_empty() {
        let ids = ids.iter().cloned().map(Value::String).collect();
        table.insert("price_ids".to_owned(), Value::Array(ids));
    }
}
