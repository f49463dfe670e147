//! Settings of the database and of the role.

use scrip::{db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, Database, Statement};
use testkit::{
    db::{TestDatabase, server_url},
    ledger::{TestLedger, buy_package, consume, promote, register},
};

use super::durable::show;

/// Sets or resets a setting for all sessions of the database that are opened from now on. The
/// statement runs in another database, because this one may refuse it.
pub async fn set(database: &TestDatabase, setting: &str, value: Option<&str>) {
    let name = name_of(database);
    let change = match value {
        Some(value) => format!("ALTER DATABASE {name} SET {setting} = {value}"),
        None => format!("ALTER DATABASE {name} RESET {setting}"),
    };
    let admin = Database::connect(server_url()).await.expect("connects");
    admin.execute_unprepared(&change).await.expect("changes");
    admin.close().await.expect("closes");
}

fn name_of(database: &TestDatabase) -> &str {
    let path = database.url().rsplit('/').next().unwrap_or_default();
    path.split('?').next().unwrap_or_default()
}

/// Terminates every session of Scrip, like an administrator. Returns the number of sessions.
pub async fn end_sessions(database: &TestDatabase) -> i64 {
    let admin = Database::connect(server_url()).await.expect("connects");
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = '{}' AND application_name = 'scrip'",
        name_of(database)
    );
    let statement = Statement::from_string(admin.get_database_backend(), end);
    let row = admin.query_one_raw(statement).await.expect("an answer");
    let ended = row.expect("a row").try_get_by_index(0).expect("a number");
    admin.close().await.expect("closes");
    ended
}

/// Conformance: Ordering, failures and dead letters: Database settings do not change committed
/// data, and `search_path` selects the schema
#[tokio::test]
async fn settings_of_the_database_do_not_change_committed_rows() {
    let database = TestDatabase::postgres().await;
    for (setting, value) in [
        ("default_transaction_isolation", "serializable"),
        ("statement_timeout", "'1s'"),
        ("idle_in_transaction_session_timeout", "'50ms'"),
        ("idle_session_timeout", "'2s'"),
        ("TimeZone", "'Asia/Kathmandu'"),
        ("DateStyle", "'SQL, DMY'"),
        ("array_nulls", "off"),
        ("extra_float_digits", "-15"),
        ("bytea_output", "'escape'"),
        ("standard_conforming_strings", "off"),
        ("enable_indexscan", "off"),
        ("plan_cache_mode", "force_custom_plan"),
    ] {
        set(&database, setting, Some(value)).await;
    }
    // The test's own connections from before do not have the settings.
    let ledger = TestLedger::on(database).await;
    ledger
        .settle(&[register("r", "ada"), buy_package("b", "ada", "lite")])
        .await;
    // Longer than the timeout for idle sessions.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    let spent = ledger.one(consume("c", "ada", 5)).await;
    assert_eq!(spent.balance, Some(125));
    ledger.verify().await;
}

#[tokio::test]
async fn a_session_sets_its_own_settings_for_any_settings_of_the_database() {
    let database = TestDatabase::postgres().await;
    for (setting, value) in [
        ("array_nulls", "off"),
        ("default_transaction_isolation", "serializable"),
        ("TimeZone", "'Asia/Kathmandu'"),
        ("statement_timeout", "'1s'"),
        ("plan_cache_mode", "auto"),
    ] {
        set(&database, setting, Some(value)).await;
    }
    let store = Store::connect(database.url(), &StoreOptions::default()).await;
    let store = store.expect("a store");
    for (session, plans) in [
        (store.connection(), "force_generic_plan"),
        (store.read_connection(), "force_custom_plan"),
    ] {
        for (setting, expected) in [
            ("array_nulls", "on"),
            ("default_transaction_isolation", "read committed"),
            ("TimeZone", "UTC"),
            ("statement_timeout", "30s"),
            ("plan_cache_mode", plans),
        ] {
            assert_eq!(show(session, setting).await, expected, "{setting}");
        }
    }
    store.close().await.expect("closes");
}

/// Conformance: Ordering, failures and dead letters: Database settings do not change committed
/// data, and `search_path` selects the schema
#[tokio::test]
async fn a_ledger_lives_in_the_schema_that_the_search_path_names() {
    let database = TestDatabase::postgres().await;
    database.execute("CREATE SCHEMA app").await;
    set(&database, "search_path", Some("app")).await;
    let store = Store::connect(database.url(), &StoreOptions::default()).await;
    let store = store.expect("a store");
    migration::up(store.connection()).await.expect("migrates");
    let rules = testkit::ledger::rules();
    let now = chrono::Utc::now();
    let granted = store
        .commit_group(&[promote("p", "ada", 7, None)], &rules, now)
        .await;
    granted.expect("commits");
    let spent = store
        .commit_group(&[consume("c", "ada", 2)], &rules, now)
        .await;
    spent.expect("commits");
    database
        .execute("SELECT 1 / (count(*) = 2)::int FROM app.credits_transaction")
        .await;
    store.close().await.expect("closes");
}
