//! The expected effects of hostile messages: dead letters, transactions and log lines.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::Value;

use crate::{
    case::{Case, Expected, MALLORY, TIMES},
    fixture::Fixture,
};

/// The output of `scrip dead list`, one element per dead letter.
pub async fn listed_letters(fixture: &Fixture) -> Vec<Value> {
    let list = ["--json", "dead", "list", "--limit", "1000000"];
    let listed = fixture.deployment.succeed(&list).await;
    let letters = listed.lines().map(serde_json::from_str);
    letters.collect::<Result<_, _>>().expect("JSON")
}

/// Panics unless the dead letters are those of the hostile messages, each with its reason, and no
/// others.
pub fn letters(cases: &[Case], letters: &[Value]) {
    let mut by_reference = HashMap::<&str, Vec<&Value>>::new();
    for letter in letters {
        let reference = letter["referenceId"].as_str();
        by_reference
            .entry(reference.unwrap_or_default())
            .or_default()
            .push(letter);
    }
    for case in cases {
        for n in 0..TIMES {
            let reference = case.reference(n);
            let matching = by_reference.remove(&*reference).unwrap_or_default();
            let Expected::DeadLetter { reason, error, .. } = &case.expected else {
                assert!(matching.is_empty(), "{}: {matching:?}", case.name);
                continue;
            };
            let [letter] = matching[..] else {
                panic!(
                    "{}: {} dead letters have the reference {reference}",
                    case.name,
                    matching.len()
                );
            };
            assert_eq!(letter["reason"], *reason, "{}: {letter}", case.name);
            let message = letter["error"].as_str().unwrap_or_default();
            assert!(message.contains(error), "{}: {letter}", case.name);
        }
    }
    assert!(
        by_reference.is_empty(),
        "dead letters of other senders: {by_reference:?}"
    );
}

/// Panics unless the ledger has exactly the attacker's commands that must be applied.
pub async fn carried_out(fixture: &Fixture, cases: &[Case]) {
    let ledger = fixture.database.connect().await;
    let recorded = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT reference_id FROM credits_transaction WHERE user_id = $1",
        [MALLORY.into()],
    );
    let rows = ledger.query_all_raw(recorded).await.expect("a query");
    let reference =
        |row: sea_orm::QueryResult| row.try_get::<String>("", "reference_id").expect("text");
    let mut recorded: Vec<String> = rows.into_iter().map(reference).collect();
    recorded.retain(|reference| !reference.starts_with("honest-"));
    recorded.sort_unstable();
    let carried_out = cases
        .iter()
        .filter(|case| case.expected == Expected::CarriedOut);
    let mut expected: Vec<String> = carried_out
        .flat_map(|case| (0..TIMES).map(|n| case.reference(n)))
        .collect();
    expected.sort_unstable();
    assert_eq!(recorded, expected);
}

/// Panics unless the worker has kept its connections and has logged the sender for each kind of
/// message.
pub fn log(cases: &[Case], log: &str) {
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for lost in [
        "broker connection lost",
        "publishing interrupted",
        "sending replies interrupted",
        "query queue cannot be served",
        "job queue cannot be served",
        "subscription lost",
    ] {
        assert!(!log.contains(lost), "the worker logged: {lost}");
    }
    for case in cases {
        let words = match (&case.expected, case.logged) {
            (
                Expected::DeadLetter {
                    reason,
                    error,
                    by_worker: true,
                },
                _,
            ) => vec!["message rejected", *reason, error.as_str()],
            (_, Some(text)) => vec![text],
            _ => continue,
        };
        let names_sender = |line: &Value| {
            let line = line.to_string();
            words.iter().all(|word| line.contains(word)) && line.contains(&format!("\"{MALLORY}\""))
        };
        assert!(
            lines.iter().any(names_sender),
            "{}: no line contains {words:?} and {MALLORY}",
            case.name
        );
    }
}
