//! An entry can be neither changed nor deleted.

use scrip::{
    audit_log::{IntendedAction, OperatorAction},
    db::StoreOptions,
    store::Store,
};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::json;
use testkit::db::TestDatabase;

const REFUSED: &str = "the audit log is append-only";

async fn refuses(database: &TestDatabase, sql: &str) {
    let refused = database.connection().execute_unprepared(sql).await;
    let error = refused.expect_err(sql).to_string();
    assert!(error.contains(REFUSED), "{sql}: {error}");
}

async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    let query = Statement::from_string(database.backend(), sql);
    let rows = database.connection().query_all_raw(query).await;
    let text = |row: sea_orm::QueryResult| row.try_get_by_index(0).expect("a text");
    rows.expect(sql).into_iter().map(text).collect()
}

/// Conformance: Audit log: Audit entries are never changed or deleted, and have the time of the
/// database
#[tokio::test]
async fn the_database_refuses_to_change_or_delete_an_entry() {
    for database in TestDatabase::each_migrated().await {
        // The administrator owns the table, so the privileges make no difference.
        let changes = [
            "UPDATE operator_action SET actor = 'mallory'",
            "DELETE FROM operator_action",
        ];
        let store = Store::connect(database.url(), &StoreOptions::default()).await;
        let store = store.expect("a store");
        let detail = json!({});
        let intended = IntendedAction {
            actor: "ops:maria",
            action: OperatorAction::DeadDrop,
            subject: Some("r"),
            user_id: None,
            detail: &detail,
        };
        let id = store.begin_action(&intended).await.expect("recorded");
        for change in changes {
            refuses(&database, change).await;
        }
        if database.backend() == DbBackend::Postgres {
            refuses(&database, "TRUNCATE operator_action").await;
            // A statement that matches no row is refused, too.
            refuses(
                &database,
                "DELETE FROM operator_action WHERE actor = 'nobody'",
            )
            .await;
        } else {
            let replace =
                "REPLACE INTO operator_action (id, status, actor, action, detail, created_at)
                SELECT id, status, 'mallory', action, detail, created_at FROM operator_action";
            let error = database.connection().execute_unprepared(replace).await;
            let error = error.expect_err("a row is there").to_string();
            assert!(error.contains(REFUSED), "{error}");
            for rowid in ["rowid", "_rowid_", "oid"] {
                let replace = format!(
                    "INSERT OR REPLACE INTO operator_action ({rowid}, id, status, actor, action,
                      detail, created_at)
                     SELECT 1, randomblob(16), status, 'mallory', action, detail, created_at
                       FROM operator_action"
                );
                let replaced = database.connection().execute_unprepared(&replace).await;
                let error = replaced.expect_err("rows have no number").to_string();
                assert!(error.contains(rowid), "{error}");
            }
            let named = texts(&database, "SELECT actor FROM operator_action").await;
            assert_eq!(named, ["ops:maria"]);
        }
        store.end_action(id, true, &detail).await.expect("an end");
        let twice = store.end_action(id, false, &detail).await;
        assert!(twice.is_err(), "an action ends only once");
        let untrue = store.end_action(uuid::Uuid::nil(), true, &detail).await;
        assert!(untrue.is_err(), "an action that has not begun cannot end");
        for change in changes {
            refuses(&database, change).await;
        }
    }
}

/// Conformance: Audit log: Audit entries are never changed or deleted, and have the time of the
/// database
#[tokio::test]
async fn no_role_of_postgresql_backdates_an_entry() {
    let database = TestDatabase::postgres().await.migrated().await;
    for (nth, url) in [database.url().to_owned(), database.worker_url()]
        .iter()
        .enumerate()
    {
        let connection = Database::connect(url).await.expect("a connection");
        for at in ["'2001-02-03'", "'2999-01-01'", "NULL"] {
            let insert = format!(
                "INSERT INTO operator_action (id, status, actor, action, detail, created_at)
                 VALUES (gen_random_uuid(), 'BEGUN', 'mallory-{nth}', 'dead_drop', '{{}}', {at})"
            );
            connection.execute_unprepared(&insert).await.expect(at);
        }
        connection.close().await.expect("closes");
    }
    let actors = texts(
        &database,
        "SELECT actor FROM operator_action
          WHERE created_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()
            ORDER BY id",
    )
    .await;
    assert_eq!(actors.len(), 6, "{actors:?}");
}

/// Conformance: Audit log: Audit entries are never changed or deleted, and have the time of the
/// database
///
/// A file has no clock. The time is that of the program that adds the entry.
#[tokio::test]
async fn an_entry_in_the_file_has_the_time_of_the_program() {
    let database = TestDatabase::sqlite().await.migrated().await;
    let store = Store::connect(database.url(), &StoreOptions::default()).await;
    let store = store.expect("a store");
    let detail = json!({});
    let intended = IntendedAction {
        actor: "ops:maria",
        action: OperatorAction::DeadDrop,
        subject: None,
        user_id: None,
        detail: &detail,
    };
    let before = chrono::Utc::now();
    store.begin_action(&intended).await.expect("recorded");
    let at = texts(&database, "SELECT created_at FROM operator_action").await;
    let at: chrono::DateTime<chrono::Utc> = at[0].parse().expect("an instant");
    assert!(
        (at - before).abs() < chrono::TimeDelta::seconds(10),
        "{at} {before}"
    );
}
