//! The commands that read the log.

use scrip::{
    audit_log::{IntendedAction, OperatorAction},
    db::StoreOptions,
    store::Store,
};
use serde_json::{Value, json};
use testkit::{broker::broker_url, db::TestDatabase, process::Deployment};

use super::fixture::lines;

/// A log with seven actions of two operators, and a deployment that reads it.
async fn with_actions(database: &TestDatabase) -> Deployment {
    let store = Store::connect(&database.worker_url(), &StoreOptions::default()).await;
    let store = store.expect("a store");
    for nth in 0..7 {
        let detail = json!({ "command": { "type": "grant", "amount": nth } });
        let subject = format!("g-{nth}\u{1b}[31m");
        let intended = IntendedAction {
            actor: if nth % 2 == 0 { "ops:maria" } else { "-ops" },
            action: if nth < 5 {
                OperatorAction::Publish
            } else {
                OperatorAction::DeadDrop
            },
            subject: Some(&subject),
            user_id: (nth == 3).then_some("ada"),
            detail: &detail,
        };
        let id = store.begin_action(&intended).await.expect("recorded");
        if nth < 6 {
            let result = json!({ "confirmed": true, "letters": ["never shown in the table"] });
            store
                .end_action(id, nth != 1, &result)
                .await
                .expect("an end");
        }
    }
    store.close().await.expect("closes");
    let url = match database.roles() {
        Some(_) => database.url_as("reader"),
        None => database.url().to_owned(),
    };
    Deployment::on_servers(&broker_url(), &url, "credits")
}

/// The numbers of the actions, in the order in which they are listed.
fn numbers(actions: &[Value]) -> Vec<i64> {
    let number = |action: &Value| action["detail"]["command"]["amount"].as_i64();
    actions
        .iter()
        .map(|action| number(action).expect("a number"))
        .collect()
}

/// Conformance: Audit log: `scrip audit` filters by actor, action, user and time, in pages, as a
/// table or as JSON Lines
#[tokio::test]
async fn the_log_is_listed_newest_first_with_filters_and_pages() {
    for database in TestDatabase::each_migrated().await {
        let deployment = with_actions(&database).await;
        let list = async |filters: &[&str]| {
            let listed = [&["--json", "audit"], filters].concat();
            lines(&deployment.succeed(&listed).await)
        };
        let all = list(&[]).await;
        assert_eq!(numbers(&all), [6, 5, 4, 3, 2, 1, 0]);
        for (filters, expected) in [
            (&["--actor", "ops:maria"][..], &[6, 4, 2, 0][..]),
            (&["--actor", "-ops"], &[5, 3, 1]),
            (&["--action", "dead_drop"], &[6, 5]),
            (&["--user", "ada"], &[3]),
            (&["--actor", "ops:maria", "--action", "publish"], &[4, 2, 0]),
            (&["--actor", "nobody"], &[]),
            (&["--limit", "2"], &[6, 5]),
            (&["--since", "2999-01-01T00:00:00Z"], &[]),
            (&["--until", "2026-01-01T00:00:00Z"], &[]),
        ] {
            assert_eq!(numbers(&list(filters).await), expected, "{filters:?}");
        }
        let at = all[3]["at"].as_str().expect("an instant");
        assert_eq!(numbers(&list(&["--since", at]).await), [6, 5, 4, 3]);
        assert_eq!(numbers(&list(&["--until", at]).await), [2, 1, 0]);
        let [begun, failed, completed] = [&all[0], &all[5], &all[6]];
        assert_eq!(
            (&begun["status"], &failed["status"], &completed["status"]),
            (&json!("begun"), &json!("failed"), &json!("completed"))
        );
        assert_eq!(completed["result"]["confirmed"], true);

        let mut listed = Vec::new();
        let mut page = list(&["--limit", "3"]).await;
        while let Some(last) = page.last() {
            let cursor = last["cursor"].as_str().expect("a cursor").to_owned();
            listed.extend(numbers(&page));
            page = list(&["--limit", "3", "--cursor", &cursor]).await;
        }
        assert_eq!(listed, [6, 5, 4, 3, 2, 1, 0]);
        // Both filters apply: the instant and the cursor.
        let cursor = all[1]["cursor"].as_str().expect("a cursor");
        assert_eq!(
            numbers(&list(&["--until", at, "--cursor", cursor]).await),
            [2, 1, 0]
        );
        let oldest = all[5]["cursor"].as_str().expect("a cursor");
        assert_eq!(
            numbers(&list(&["--until", at, "--cursor", oldest]).await),
            [0]
        );
    }
}

/// Conformance: Audit log: `scrip audit` filters by actor, action, user and time, in pages, as a
/// table or as JSON Lines
#[tokio::test]
async fn the_table_contains_no_terminal_control_characters() {
    for database in TestDatabase::each_migrated().await {
        let deployment = with_actions(&database).await;
        let table = deployment.succeed(&["audit", "--limit", "6"]).await;
        let rows: Vec<&str> = table.lines().collect();
        let words = |row: &str| {
            row.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(rows[0]),
            [
                "when", "actor", "action", "subject", "user", "status", "detail"
            ]
        );
        assert_eq!(
            words(rows[1])[2..],
            [
                "ops:maria",
                "dead_drop",
                "g-6\\u{1b}[31m",
                "begun",
                "amount=6",
                "type=grant"
            ]
        );
        assert_eq!(
            words(rows[4])[2..],
            [
                "-ops",
                "publish",
                "g-3\\u{1b}[31m",
                "ada",
                "completed",
                "confirmed=true",
                "amount=3",
                "type=grant"
            ]
        );
        assert!(rows[6].contains("failed"), "{table}");
        assert!(
            !table.contains('\u{1b}') && !table.contains("never shown"),
            "{table}"
        );
        let more = rows[8].strip_prefix("older: --cursor ").expect("a cursor");
        let rest = deployment.succeed(&["audit", "--cursor", more]).await;
        assert_eq!(rest.lines().count(), 2, "{rest}");
        assert!(rest.contains("g-0") && !rest.contains("older:"), "{rest}");
        let wrong = deployment.run(&["audit", "--action", "dead_list"]).await;
        assert_eq!(wrong.status.code(), Some(2));
    }
}
