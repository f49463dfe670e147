//! Limits of size, time, rate and connections; browsers; stopping.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    client::{finish, get, post, raw},
    fixture::{BOTH, Fixture, On, grant},
};

/// Conformance: HTTP API: A request that is too large or too slow is refused
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_or_too_slow_is_refused() {
    let settings = [
        ("SCRIP__HTTP__REQUEST_TIMEOUT", "1s"),
        ("SCRIP__HTTP__MAX_BODY", "100000"),
    ];
    for on in BOTH {
        let fixture = Fixture::with(on, &settings).await;
        let token = fixture.admin().await;
        let large = post("/v1/commands", vec![b' '; 65_537]).token(&token);
        fixture.send(large).await.problem(413, "too_large");
        let large = post("/v1/commands/batch", vec![b' '; 100_001]).token(&token);
        fixture.send(large).await.problem(413, "too_large");

        // The body of a request that comes slowly.
        let body = grant("g", "ada", 1).to_string();
        let slow = post("/v1/commands", body.clone()).token(&token);
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(slow.head().as_bytes()).await.unwrap();
        stream.write_all(&body.as_bytes()[..10]).await.unwrap();
        let began = Instant::now();
        let response = finish(stream).await.expect("a response");
        response.problem(408, "request_timeout");
        assert!(began.elapsed() < Duration::from_secs(10));

        // The head of a request that comes slowly, and one that is too long.
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(b"GET /v1/pack").await.unwrap();
        assert!(
            finish(stream)
                .await
                .is_none_or(|response| response.status == 408)
        );
        let long = get("/v1/packages").header("X-Long", &"x".repeat(100_000));
        let long = raw(fixture.address, long.head().as_bytes()).await;
        assert!(long.is_none_or(|response| response.status == 431));
        let garbage = raw(fixture.address, b"what?\r\n\r\n").await;
        assert!(garbage.is_none_or(|response| response.status == 400));

        // Nothing of this was applied, and the server serves on.
        let balance = get("/v1/users/ada/balance").token(&token);
        fixture.send(balance).await.problem(404, "wallet_not_found");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A token that exceeds its rate gets 429 with `Retry-After`
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_exceeds_its_rate_waits_and_others_do_not() {
    let fixture = Fixture::with(On::File, &[("SCRIP__HTTP__RATE", "1000")]).await;
    let slow = fixture.token(&["--role", "admin", "--rate", "5"]).await;
    let other = fixture.token(&["--role", "app"]).await;
    let mut limited = 0;
    let began = Instant::now();
    for _ in 0..20 {
        let response = fixture.send(get("/v1/packages").token(&slow)).await;
        if response.status == 429 {
            response.problem(429, "rate_limited");
            assert_eq!(response.header("retry-after"), Some("1"));
            limited += 1;
        } else {
            response.expect(200);
        }
    }
    let most = 5.0 + 5.0 * began.elapsed().as_secs_f64();
    let allowed = 20 - limited;
    assert!(
        allowed >= 5 && f64::from(allowed) <= most,
        "{allowed} of {most}"
    );
    fixture
        .send(get("/v1/packages").token(&other))
        .await
        .expect(200);
    sleep(Duration::from_secs(1)).await;
    // The commands of a batch count: 150 of them use up the next 29 seconds and a little.
    let began = Instant::now();
    let commands: Vec<_> = (0..150)
        .map(|n| grant(&format!("g-{n}"), "ada", 1))
        .collect();
    let batch = json!({ "commands": commands }).to_string();
    fixture
        .send(post("/v1/commands/batch", batch).token(&slow))
        .await
        .expect(202);
    let next = fixture.send(get("/v1/packages").token(&slow)).await;
    next.problem(429, "rate_limited");
    let after: u64 = next.header("retry-after").unwrap().parse().unwrap();
    let late = began.elapsed().as_secs();
    assert!(
        (29 - late.min(29)..=30).contains(&after),
        "{after} after {late} s"
    );
    fixture.finish().await;
}

/// Conformance: HTTP API: Clients that hold connections open do not keep the server from others
/// for longer than the time limit of a request
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_and_their_places_are_used_again() {
    let settings = [
        ("SCRIP__HTTP__REQUEST_TIMEOUT", "1s"),
        ("SCRIP__HTTP__MAX_CONNECTIONS", "4"),
    ];
    let fixture = Fixture::with(On::File, &settings).await;
    let token = fixture.admin().await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        idle.push(TcpStream::connect(fixture.address).await.unwrap());
    }
    let began = Instant::now();
    fixture
        .send(get("/v1/packages").token(&token))
        .await
        .expect(200);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    drop(idle);
    fixture.finish().await;
}

/// Conformance: HTTP API: Browsers may call from the configured origins only
#[tokio::test(flavor = "multi_thread")]
async fn browsers_may_call_from_the_configured_origins_only() {
    let settings = [("SCRIP__HTTP__CORS_ORIGINS", r#"["https://shop.example"]"#)];
    let fixture = Fixture::with(On::File, &settings).await;
    let preflight = |origin: &str| {
        get("/v1/users/ada/balance")
            .method("OPTIONS")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET")
            .header("Access-Control-Request-Headers", "authorization")
    };
    let allowed = fixture.send(preflight("https://shop.example")).await;
    assert_eq!(allowed.status, 200);
    let origin = allowed.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://shop.example"));
    let headers = allowed
        .header("access-control-allow-headers")
        .unwrap_or_default();
    assert!(headers.contains("authorization"), "{headers}");
    let other = fixture.send(preflight("https://evil.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    // The browser needs the headers of an error, too.
    let refused = get("/v1/packages").header("Origin", "https://shop.example");
    let refused = fixture.send(refused).await;
    refused.problem(401, "invalid_token");
    let origin = refused.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://shop.example"));
    fixture.finish().await;
}

/// Conformance: HTTP API: A server that stops finishes the requests in progress
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_finishes_the_requests_in_progress() {
    for on in BOTH {
        let mut fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let body = grant("g", "ada", 20).to_string();
        let request = post("/v1/commands", body.clone()).token(&token).wait();
        let mut stream = TcpStream::connect(fixture.address).await.unwrap();
        stream.write_all(request.head().as_bytes()).await.unwrap();
        let (first, rest) = body.as_bytes().split_at(10);
        stream.write_all(first).await.unwrap();
        // The server has begun to read the request when another one was answered.
        fixture
            .send(get("/v1/packages").token(&token))
            .await
            .expect(200);
        let server = fixture.server.take().expect("a server");
        server.signal("TERM").await;
        server.wait_for("stopping").await;
        stream.write_all(rest).await.unwrap();
        // A slow machine decides after the time that the server has left.
        let response = finish(stream).await.expect("a response");
        if response.status != 202 {
            assert_eq!(response.expect(200)["balance"], 20, "{on:?}");
        }
        assert!(server.ended().await.success());
        assert!(TcpStream::connect(fixture.address).await.is_err());
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A server that stops answers commands that wait for their outcomes with
/// 202
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_does_not_wait_for_outcomes() {
    let mut fixture = Fixture::new(On::Servers).await;
    let token = fixture.admin().await;
    let worker = fixture.worker.take().expect("a worker");
    assert!(worker.terminate().await.success());
    let command = post("/v1/commands", grant("g", "ada", 20).to_string()).token(&token);
    let (address, command) = (fixture.address, command.wait());
    let waiting = tokio::spawn(async move { command.send(address).await });
    let broker = fixture.broker.as_ref().expect("a broker");
    broker
        .wait_for_ready(&broker.topology().commands(0), 1)
        .await;
    let server = fixture.server.take().expect("a server");
    let began = Instant::now();
    server.signal("TERM").await;
    waiting.await.expect("a response").expect(202);
    assert!(server.ended().await.success());
    assert!(began.elapsed() < Duration::from_secs(15), "{began:?}");
    fixture.worker = Some(fixture.deployment.ready_worker().await);
    fixture.finish().await;
}
