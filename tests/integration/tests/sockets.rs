//! The pool's sockets send packets without delay and detect that a peer has vanished. These tests
//! are a separate process, because they check every socket of the process.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use scrip::db::{Purpose, StoreOptions, connect, sockets};
use sea_orm::{ConnectionTrait, sqlx::postgres::PgConnectOptions};
use testkit::{certificates::Certificates, servers::Server};

#[tokio::test]
async fn every_connection_of_the_pool_has_nodelay_and_detects_a_silent_peer() {
    check(&testkit::db::server_url()).await;
}

/// Conformance: Security: Connections to RabbitMQ, PostgreSQL and Redis support TLS
#[tokio::test]
async fn every_connection_of_the_pool_has_nodelay_under_tls() {
    let certificates = Certificates::make();
    let server = Server::start_with_tls("postgres", &certificates).await;
    check(&format!(
        "{}&sslrootcert={}",
        server.url(),
        certificates.ca()
    ))
    .await;
}

async fn check(url: &str) {
    let port = url.parse::<PgConnectOptions>().expect("a URL").get_port();
    let options = StoreOptions::default().of_worker(1);
    let mut pools = vec![
        connect(url, Purpose::Commit, &options)
            .await
            .expect("a pool"),
    ];
    let there = sockets::count_connections_to(port);
    assert_eq!(there, (3, 0), "connections are opened in advance");
    for purpose in [Purpose::Commit, Purpose::Read] {
        let pool = connect(url, purpose, &options).await.expect("a connection");
        let (first, second) = tokio::join!(
            pool.execute_unprepared("SELECT pg_sleep(0.05)"),
            pool.execute_unprepared("SELECT pg_sleep(0.05)")
        );
        first.and(second).expect("two connections at once");
        pools.push(pool);
    }
    let (with, without) = sockets::count_connections_to(port);
    assert!(with >= 2, "{with} connections");
    assert_eq!(without, 0);
}
