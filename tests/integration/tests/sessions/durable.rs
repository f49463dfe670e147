//! Acknowledged commands survive a crash of the server with every value of `synchronous_commit`.

use producer_sdk::Command;
use scrip::{db::StoreOptions, store::Store};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
    servers::Server,
};

use super::settings::set;

/// The value of a setting in a session of the pool.
pub async fn show(connection: &DatabaseConnection, setting: &str) -> String {
    let sql = format!("SELECT current_setting('{setting}')");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection
        .query_one_raw(statement)
        .await
        .expect("an answer");
    row.expect("a row").try_get_by_index(0).expect("a text")
}

/// Conformance: Ordering, failures and dead letters: Acknowledged commands survive a killed server
/// at any `synchronous_commit`; stricter values are kept
#[tokio::test]
async fn a_session_that_commits_only_ever_raises_synchronous_commit() {
    let database = TestDatabase::postgres().await;
    for (configured, expected) in [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "remote_write"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        set(&database, "synchronous_commit", Some(configured)).await;
        let store = Store::connect(database.url(), &StoreOptions::default()).await;
        let store = store.expect("a store");
        let first = store.begin().await.expect("a transaction");
        // This is another connection of the pool, because the first one is in use.
        for _ in 0..2 {
            assert_eq!(
                show(store.connection(), "synchronous_commit").await,
                expected,
                "{configured}"
            );
        }
        first.rollback().await.expect("rolls back");
        store.close().await.expect("closed");
    }
}

/// Conformance: Ordering, failures and dead letters: Acknowledged commands survive a killed server
/// at any `synchronous_commit`; stricter values are kept
#[tokio::test]
async fn an_acknowledged_command_survives_a_killed_server_with_asynchronous_commits() {
    // Within ten seconds only a commit that waits for the log causes it to be written.
    let mut postgres =
        Server::postgres_with("-c synchronous_commit=off -c wal_writer_delay=10s").await;
    let database = Database::connect(postgres.url()).await.expect("connects");
    migration::up(&database).await.expect("migrates");
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let mut deployment = Deployment::on_servers(&broker_url(), postgres.url(), namespace);
    for job in ["GRANT", "EXPIRE", "VERIFY"] {
        deployment.set(&format!("SCRIP__SCHEDULE__{job}"), "off");
    }
    let worker = deployment.ready_worker().await;
    let mut replies = broker.replies().await;
    for (reference, user) in [("r-1", "ada"), ("r-2", "bob")] {
        let bonus = Command::registration_bonus(reference, user);
        broker
            .send_with(&bonus, replies.reply_properties(reference))
            .await;
        assert!(replies.outcome().await.is_completed());
    }
    postgres.kill().await;
    worker.kill().await;
    postgres.bring_back().await;

    let database = Database::connect(postgres.url()).await.expect("connects");
    let count =
        "SELECT count(*)::text FROM credits_transaction WHERE reference_id IN ('r-1', 'r-2')";
    let statement = Statement::from_string(database.get_database_backend(), count);
    let row = database.query_one_raw(statement).await.expect("an answer");
    let count: String = row.expect("a row").try_get_by_index(0).expect("a text");
    assert_eq!(count, "2", "the acknowledged commands");
    assert_eq!(show(&database, "synchronous_commit").await, "off");
}
