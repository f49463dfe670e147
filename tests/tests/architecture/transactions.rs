//! Transactions of PostgreSQL begin in one place, where they may be called off.

use crate::sources;

/// Who may begin one, and why.
const BEGINNERS: [(&str, &str); 2] = [
    ("worker/src/store/begin.rs", "it is not called off"),
    (
        "worker/src/embedded",
        "on SQLite, whose driver looks whether somebody still waits",
    ),
];

#[test]
fn nobody_begins_a_transaction_that_may_stay_open_when_he_is_called_off() {
    let offences: Vec<String> = sources::files("rs")
        .iter()
        .filter(|file| file.path.starts_with("worker/src") && !file.is_test())
        .filter(|file| !BEGINNERS.iter().any(|(place, _)| file.path.starts_with(place)))
        .flat_map(|file| {
            let imports = file.code().filter(|(_, line)| line.contains("TransactionTrait"));
            let told = imports.map(|(number, _)| format!("{}:{number}", file.path));
            told.collect::<Vec<_>>()
        })
        .collect();
    assert!(offences.is_empty(), "use store::begin: {offences:#?}");
}
