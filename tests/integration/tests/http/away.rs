//! A queue or a database that is away.

use std::time::Duration;

use serde_json::json;
use testkit::{
    broker::{TIMEOUT, broker_url},
    proxy::Proxy,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    client::{get, post},
    fixture::{Fixture, grant},
};

/// Conformance: HTTP API: While the broker is away a command gets 503 with `Retry-After`, and the
/// retry under the same reference is applied once
#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_safe_to_retry_while_the_broker_is_away() {
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let settings = [("SCRIP__HTTP__CONFIRM_TIMEOUT", "2s")];
    let fixture = Fixture::on_servers(&relay.instead_of(&broker_url()), &settings).await;
    let token = fixture.admin().await;
    let body = grant("g", "ada", 20).to_string();
    let command = || post("/v1/commands", body.clone()).token(&token);
    let batch = json!({ "commands": [grant("g", "ada", 20), grant("h", "ada", 1)] }).to_string();
    let batch = || post("/v1/commands/batch", batch.clone()).token(&token);

    // The broker gets the command, and its confirm does not arrive.
    relay.deafen();
    for request in [command(), command().header("Prefer", "wait=1"), batch()] {
        let began = Instant::now();
        let response = fixture.send(request).await;
        response.problem(503, "unconfirmed");
        assert_eq!(response.header("retry-after"), Some("1"));
        // A short wait for the outcome leaves the confirm its time.
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1900), "{took:?}");
    }
    relay.close();
    let response = fixture.send(command()).await;
    response.problem(503, "unconfirmed");
    // Reading does not need the broker.
    fixture
        .send(get("/v1/packages").token(&token))
        .await
        .expect(200);
    let balance = fixture
        .send(get("/v1/users/ada/balance").token(&token))
        .await;
    assert!([200, 404].contains(&balance.status), "{balance:?}");

    relay.open();
    let repeated = async {
        loop {
            let response = fixture.send(command().wait()).await;
            if response.status != 503 {
                return response.expect(200);
            }
            // The server connects again after a pause, which may be longer than the time limit.
            response.problem(503, "unconfirmed");
        }
    };
    let outcome = timeout(TIMEOUT, repeated).await.expect("accepted in time");
    assert_eq!(
        (&outcome["status"], &outcome["balance"]),
        (&json!("completed"), &json!(20))
    );
    let results = fixture.send(batch().wait()).await.expect(200);
    assert_eq!(results["results"][0]["replayed"], true);
    let balance = fixture
        .send(get("/v1/users/ada/balance").token(&token))
        .await;
    assert_eq!(balance.expect(200)["balance"], 21);
    fixture.finish().await;
}

/// Conformance: HTTP API: A server that cannot reach the broker at its start serves, and refuses
/// commands with 503 until it can
#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_without_the_broker_and_connects_later() {
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let url = relay.instead_of(&broker_url());
    let mut fixture = Fixture::on_servers(&url, &[]).await;
    let token = fixture.admin().await;
    assert!(
        fixture
            .server
            .take()
            .expect("a server")
            .terminate()
            .await
            .success()
    );
    relay.close();
    fixture.deployment.set("AMQP_URL", &url);
    let server = fixture
        .deployment
        .start(&["http", "--listen", "127.0.0.1:0"]);
    fixture.address = crate::fixture::address(&server).await;
    let command = || post("/v1/commands", grant("g", "ada", 20).to_string()).token(&token);
    let response = fixture.send(command()).await;
    response.problem(503, "queue_unavailable");
    assert_eq!(response.header("retry-after"), Some("1"));
    fixture
        .send(get("/v1/packages").token(&token))
        .await
        .expect(200);
    relay.open();
    server.wait_for("HTTP server connected").await;
    fixture.send(command().wait()).await.expect(200);
    fixture.deployment.set("AMQP_URL", &broker_url());
    fixture.server = Some(server);
    fixture.finish().await;
}

/// Conformance: HTTP API: Publishing does not depend on the database: while it is away, known
/// tokens are accepted and reading gets 503
#[tokio::test(flavor = "multi_thread")]
async fn a_known_token_publishes_while_the_database_is_away() {
    let relay = Proxy::before(Proxy::target(&testkit::db::server_url())).await;
    let mut fixture = Fixture::on_servers(&broker_url(), &[]).await;
    let token = fixture.admin().await;
    let unknown = fixture.admin().await;
    let database = fixture.database.as_ref().expect("a database");
    let url = relay.instead_of(&database.url_as("reader"));
    let worker_url = database.worker_url();
    assert!(
        fixture
            .server
            .take()
            .expect("a server")
            .terminate()
            .await
            .success()
    );
    fixture.deployment.set("DATABASE_URL", &url);
    let server = fixture
        .deployment
        .start(&["http", "--listen", "127.0.0.1:0"]);
    fixture.deployment.set("DATABASE_URL", &worker_url);
    fixture.address = crate::fixture::address(&server).await;
    server.wait_for("HTTP server connected").await;
    fixture
        .send(get("/v1/packages").token(&token))
        .await
        .expect(200);
    relay.close();
    // Also after the time in which a token is not read again.
    sleep(Duration::from_secs(6)).await;
    let command = post("/v1/commands", grant("g", "ada", 20).to_string()).token(&token);
    let outcome = fixture.send(command.wait()).await.expect(200);
    assert_eq!(outcome["balance"], 20);
    // Only the first request waits for the database, and the log says so once.
    let began = Instant::now();
    for _ in 0..20 {
        let packages = get("/v1/packages").token(&token);
        fixture.send(packages).await.expect(200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{began:?}");
    let read = fixture
        .send(get("/v1/users/ada/balance").token(&token))
        .await;
    read.problem(503, "unavailable");
    let other = fixture.send(get("/v1/packages").token(&unknown)).await;
    other.problem(503, "unavailable");
    server.wait_for("tokens cannot be read").await;
    let warnings = server.log().matches("tokens cannot be read").count();
    assert_eq!(warnings, 1);
    relay.open();
    fixture.server = Some(server);
    fixture.finish().await;
}
