//! What has to be left of hostile messages: dead letters, transactions, lines of the log.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::Value;

use crate::{
    case::{Case, Expected, MALLORY, TIMES},
    fixture::Fixture,
};

/// What `scrip dead list` says, a letter each.
pub async fn listed_letters(fixture: &Fixture) -> Vec<Value> {
    let list = ["--json", "dead", "list", "--limit", "1000000"];
    let listed = fixture.deployment.succeed(&list).await;
    let letters = listed.lines().map(serde_json::from_str);
    letters.collect::<Result<_, _>>().expect("JSON")
}

/// The letters are those of the hostile messages, each with its reason, and no others.
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
            let found = by_reference.remove(&*reference).unwrap_or_default();
            let Expected::Letter { reason, error, .. } = &case.expected else {
                assert!(found.is_empty(), "{}: {found:?}", case.name);
                continue;
            };
            let [letter] = found[..] else {
                panic!("{}: {} letters are {reference}", case.name, found.len());
            };
            assert_eq!(letter["reason"], *reason, "{}: {letter}", case.name);
            let said = letter["error"].as_str().unwrap_or_default();
            assert!(said.contains(error), "{}: {letter}", case.name);
        }
    }
    assert!(by_reference.is_empty(), "letters of others: {by_reference:?}");
}

/// What was carried out is in the ledger, and nothing else of the attacker is.
pub async fn carried_out(fixture: &Fixture, cases: &[Case]) {
    let ledger = fixture.database.connect().await;
    let recorded = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT reference_id FROM credits_transaction WHERE user_id = $1",
        [MALLORY.into()],
    );
    let rows = ledger.query_all_raw(recorded).await.expect("a query");
    let reference = |row: sea_orm::QueryResult| row.try_get::<String>("", "reference_id").expect("text");
    let mut recorded: Vec<String> = rows.into_iter().map(reference).collect();
    recorded.retain(|reference| !reference.starts_with("honest-"));
    recorded.sort_unstable();
    let carried_out = cases.iter().filter(|case| case.expected == Expected::CarriedOut);
    let mut expected: Vec<String> = carried_out
        .flat_map(|case| (0..TIMES).map(|n| case.reference(n)))
        .collect();
    expected.sort_unstable();
    assert_eq!(recorded, expected);
}

/// The worker has kept its connections, and for each kind a line of its log names the sender.
pub fn log(cases: &[Case], log: &str) {
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for lost in [
        "the broker was lost",
        "publishing was interrupted",
        "replies were interrupted",
        "the query queue cannot be served",
        "the queue of jobs cannot be served now",
        "the subscription was lost",
    ] {
        assert!(!log.contains(lost), "the worker logged: {lost}");
    }
    for case in cases {
        let words = match (&case.expected, case.logged) {
            (
                Expected::Letter {
                    reason,
                    error,
                    by_worker: true,
                },
                _,
            ) => vec!["a message cannot be understood", *reason, error.as_str()],
            (_, Some(text)) => vec![text],
            _ => continue,
        };
        let names_sender = |line: &Value| {
            let line = line.to_string();
            words.iter().all(|word| line.contains(word)) && line.contains(&format!("\"{MALLORY}\""))
        };
        assert!(
            lines.iter().any(names_sender),
            "{}: no line says {words:?} and names {MALLORY}",
            case.name
        );
    }
}
