//! The whole trace of real requests, replayed with the command line through real worker processes
//! on both backends.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use simulator::{oracle::Oracle, trace};
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    process::Deployment,
};

/// Replays the trace twice. In the first replay every command is completed or refused as
/// insufficient. The second replay changes no row.
async fn replay_twice(deployment: &Deployment, oracle: &Oracle) {
    let file = deployment.folder().join("commands.jsonl");
    std::fs::write(&file, oracle.commands.join("\n")).expect("a writable folder");
    let file = file.to_str().expect("a path").to_owned();
    deployment.succeed(&["replay", &file]).await;
    oracle.check().await;
    let failed = "SELECT COUNT(*) FROM credits_transaction WHERE status = 'FAILED' \
                  AND error_code <> 'insufficient_credits'";
    let (before, refused) = (oracle.contents().await, count(oracle, failed).await);
    assert_eq!(refused, 0, "completed or insufficient");
    let answers = deployment
        .succeed(&["replay", &file, "--wait", "--json"])
        .await;
    let answers: serde_json::Value = serde_json::from_str(&answers).expect("JSON");
    assert_eq!(answers["replayed"], oracle.commands.len(), "{answers}");
    assert_eq!(oracle.contents().await, before, "no row is changed");
    deployment.succeed(&["verify"]).await;
}

async fn count(oracle: &Oracle, sql: &str) -> i64 {
    use sea_orm::{ConnectionTrait, Statement};
    let statement = Statement::from_string(oracle.connection.get_database_backend(), sql);
    let row = oracle
        .connection
        .query_one_raw(statement)
        .await
        .expect("a query")
        .expect("a row");
    row.try_get_by_index(0).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_over_rabbitmq_and_postgresql_matches_the_model_and_replays() {
    let database = TestDatabase::postgres().await.migrated().await;
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let deployment = Deployment::on_servers(&broker_url(), &database.worker_url(), namespace);
    let worker = deployment.ready_worker().await;
    let oracle = Oracle {
        connection: database.connect().await,
        commands: trace::commands(),
    };
    replay_twice(&deployment, &oracle).await;
    assert!(worker.terminate().await.success());
    assert_eq!(broker.ready_in(&broker.topology().dead()).await, 0);
    assert_eq!(broker.ready_in(&broker.topology().commands(0)).await, 0);
}

/// Conformance: Embedded deployment: SQLite and PostgreSQL follow the same ledger rules
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_over_one_sqlite_file_matches_the_model_and_replays() {
    let deployment = Deployment::embedded();
    let worker = deployment.ready_worker().await;
    let url = format!(
        "sqlite://{}",
        deployment.folder().join("scrip.db").display()
    );
    let connection = sea_orm::Database::connect(url)
        .await
        .expect("the ledger's file");
    let oracle = Oracle {
        connection,
        commands: trace::commands(),
    };
    replay_twice(&deployment, &oracle).await;
    assert_eq!(
        count(&oracle, "SELECT COUNT(*) FROM queue_message").await,
        0
    );
    assert!(worker.terminate().await.success());
}
