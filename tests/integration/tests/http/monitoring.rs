//! Health and metrics of a server.

use std::net::{SocketAddr, TcpListener};

use testkit::broker::broker_url;
use testkit::proxy::Proxy;

use crate::{
    client::{get, post},
    fixture::{Fixture, On, grant},
};

pub fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("bound")
}

/// The value of a sample; `None` if there is none.
pub fn sample(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().expect("a number"))
}

/// Conformance: HTTP API: The health port counts requests and commands, and names no user
#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_count_requests_and_commands_by_route_and_status() {
    let health = free_address();
    let settings = [("SCRIP__HEALTH__LISTEN", health.to_string())];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let fixture = Fixture::with(On::File, &settings).await;
    let token = fixture.admin().await;
    fixture.promote(&token, "g", "secret-user", 20).await;
    let accepted = post("/v1/commands", grant("h", "secret-user", 1).to_string());
    fixture.send(accepted.token(&token)).await.expect(202);
    fixture
        .send(get("/v1/users/secret-user/balance").token(&token))
        .await
        .expect(200);
    fixture
        .send(get("/v1/users/secret-user/balance"))
        .await
        .problem(401, "invalid_token");
    fixture
        .send(get("/v1/secret-path"))
        .await
        .problem(404, "unknown_path");
    let metrics = get("/metrics").send(health).await.text;
    for (name, expected) in [
        (
            r#"scrip_http_requests_total{route="POST /v1/commands",status="200"}"#,
            1.0,
        ),
        (
            r#"scrip_http_requests_total{route="POST /v1/commands",status="202"}"#,
            1.0,
        ),
        (
            r#"scrip_http_requests_total{route="GET /v1/users/{id}/balance",status="200"}"#,
            1.0,
        ),
        (
            r#"scrip_http_requests_total{route="GET /v1/users/{id}/balance",status="401"}"#,
            1.0,
        ),
        (
            r#"scrip_http_requests_total{route="other",status="404"}"#,
            1.0,
        ),
        (
            r#"scrip_http_request_seconds_count{route="POST /v1/commands"}"#,
            2.0,
        ),
        (r#"scrip_http_commands_total{result="decided"}"#, 1.0),
        (r#"scrip_http_commands_total{result="confirmed"}"#, 1.0),
    ] {
        assert_eq!(sample(&metrics, name), Some(expected), "{name}:\n{metrics}");
    }
    assert!(!metrics.contains("secret"), "{metrics}");
    fixture.finish().await;
}

/// Conformance: HTTP API: A server without a worker is ready when it has reached the queue
#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_is_ready_when_it_has_reached_the_queue() {
    let mut fixture = Fixture::new(On::Servers).await;
    assert!(
        fixture
            .server
            .take()
            .expect("a server")
            .terminate()
            .await
            .success()
    );
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    relay.close();
    let health = free_address();
    fixture
        .deployment
        .set("SCRIP__HEALTH__LISTEN", &health.to_string());
    fixture
        .deployment
        .set("AMQP_URL", &relay.instead_of(&broker_url()));
    let server = fixture
        .deployment
        .start(&["http", "--listen", "127.0.0.1:0"]);
    fixture.address = crate::fixture::address(&server).await;
    let ready = get("/readyz").send(health).await;
    let report = ready.expect(503);
    assert_eq!(report["checks"]["queue"]["ok"], false, "{report}");
    get("/livez").send(health).await.expect(200);
    relay.open();
    server.wait_for("HTTP server connected").await;
    let report = get("/readyz").send(health).await.expect(200);
    assert_eq!(report["checks"]["queue"]["ok"], true, "{report}");
    let table = fixture.deployment.succeed(&["health"]).await;
    assert!(table.starts_with("ready"), "{table}");
    fixture.deployment.set("AMQP_URL", &broker_url());
    fixture.server = Some(server);
    fixture.finish().await;
}
