//! A pooler that gives each transaction another session is refused.

use scrip::{
    db::{StoreError, StoreOptions},
    store::Store,
};
use testkit::{
    broker::{TestBroker, broker_url},
    db::TestDatabase,
    pooler::Pooler,
    process::Deployment,
    proxy::Proxy,
};

/// Conformance: Ordering, failures and dead letters: A connection pooler that shares sessions
/// between transactions is refused
#[tokio::test]
async fn a_pooler_that_shares_sessions_between_transactions_is_refused() {
    let database = TestDatabase::postgres().await.migrated().await;
    let pooler = Pooler::before(Proxy::target(database.url())).await;
    let url = pooler.instead_of(database.url());
    for max_connections in [1, 8] {
        let options = StoreOptions {
            max_connections,
            ..StoreOptions::default()
        };
        let error = Store::connect(&url, &options)
            .await
            .expect_err("it is refused");
        assert!(matches!(error, StoreError::SharedSessions), "{error:?}");
    }
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let deployment = Deployment::on_servers(&broker_url(), &url, namespace);
    for command in [&["run"][..], &["migrate", "up"], &["balance", "ada"]] {
        let output = deployment.run(command).await;
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("pool_mode = session"), "{error}");
    }
}

#[tokio::test]
async fn a_pooler_that_gives_its_sessions_in_turn_is_refused() {
    let database = TestDatabase::postgres().await.migrated().await;
    for sessions in 2..=6 {
        let pooler = Pooler::in_turn(Proxy::target(database.url()), sessions).await;
        let url = pooler.instead_of(database.url());
        let error = Store::connect(&url, &StoreOptions::default()).await;
        let error = error.expect_err("it is refused");
        assert!(
            matches!(error, StoreError::SharedSessions),
            "{sessions}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_pooler_that_ignores_the_search_path_of_the_url_is_refused() {
    let database = TestDatabase::postgres().await.migrated().await;
    let pooler = Pooler::before(Proxy::target(database.url())).await;
    let url = pooler.instead_of(database.url());
    let options = StoreOptions::default();
    // From here on there is a session, and the pooler ignores the startup options of clients.
    Store::connect(&url, &options)
        .await
        .expect_err("it is refused");
    let url = format!("{url}?options[search_path]=app");
    let error = Store::connect(&url, &options)
        .await
        .expect_err("it is refused");
    let StoreError::SearchPath { asked, found } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (asked.as_str(), found.as_str()),
        ("app", "\"$user\", public")
    );
}
