//! Which requests are accepted.

use chrono::Utc;
use serde_json::json;

use super::{
    events::{DAHLIA, Life},
    sender::{NEW, OLD, Shop, creem, event, stripe, stripe_at},
};
use crate::{
    client::{get, post},
    fixture::{Fixture, On},
};

/// Conformance: Payment webhooks: A body without a valid and recent signature of the provider is
/// refused with 400, and nothing of it is stored
#[tokio::test]
async fn a_wrong_stale_or_missing_signature_is_refused() {
    let shop = Shop::open(On::File).await;
    let life = Life::new("signed");
    let paid = event(
        "evt_1",
        "checkout.session.completed",
        DAHLIA,
        life.purchase(),
    );
    let (body, now) = (paid.to_string(), Utc::now().timestamp());
    let other = "whsec_other_0123456789";
    for (request, code) in [
        (stripe(body.clone(), other), "invalid_signature"),
        (stripe_at(body.clone(), OLD, now - 400), "stale_signature"),
        (stripe_at(body.clone(), OLD, now + 400), "stale_signature"),
        (post("/webhooks/stripe", body.clone()), "invalid_signature"),
        (post("/webhooks/creem", body.clone()), "invalid_signature"),
        (creem(body.clone(), other), "invalid_signature"),
        (stripe("{}", OLD), "invalid_event"),
        (stripe("[1", OLD), "invalid_event"),
        (
            stripe("{\"id\":\"evt_2\",\"type\":7}", OLD),
            "invalid_event",
        ),
    ] {
        request.send(shop.address()).await.problem(400, code);
    }
    // Without a signature that may be valid, the body is not awaited.
    for request in [
        post("/webhooks/stripe", body.clone()),
        stripe_at(body.clone(), OLD, now - 400),
    ] {
        let response = request.send(shop.address()).await;
        assert_eq!(response.header("connection"), Some("close"), "{response:?}");
    }
    let large = json!({"id": "evt_3", "type": "x", "pad": "x".repeat(256 * 1024)});
    let large = stripe(large.to_string(), OLD).send(shop.address()).await;
    large.problem(413, "too_large");
    let listed = shop
        .fixture
        .deployment
        .succeed(&["payments", "list", "--json"])
        .await;
    assert_eq!(listed.trim(), "[]");
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: During a rotation each of several secrets signs valid events
#[tokio::test]
async fn each_of_several_secrets_signs_valid_events() {
    let shop = Shop::open(On::Servers).await;
    for (number, secret) in [OLD, NEW].into_iter().enumerate() {
        let life = Life::new(&format!("rotated-{number}"));
        let id = format!("evt_{number}");
        let paid = event(&id, "checkout.session.completed", DAHLIA, life.purchase());
        let response = stripe(paid.to_string(), secret).send(shop.address()).await;
        assert_eq!(response.expect(200)["status"], "applied");
        assert_eq!(shop.balance(&life.user).await, (110, 0));
    }
    let log = shop.fixture.server.as_ref().expect("a server").log();
    assert!(!log.contains("whsec"), "{log}");
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: A provider without a secret has no endpoint
#[tokio::test]
async fn a_webhook_without_a_secret_does_not_exist() {
    let fixture = Fixture::new(On::File).await;
    for path in ["/webhooks/stripe", "/webhooks/creem", "/webhooks/other"] {
        fixture
            .send(post(path, "{}"))
            .await
            .problem(404, "unknown_path");
    }
    fixture.finish().await;
    let shop = Shop::open(On::File).await;
    let response = shop.fixture.send(get("/webhooks/stripe")).await;
    response.problem(405, "unknown_method");
    shop.fixture.finish().await;
}

/// Conformance: Payment webhooks: An event that cannot be stored is answered with 503, so that the
/// provider sends it again
#[tokio::test]
async fn an_event_that_cannot_be_stored_is_answered_with_503() {
    let secrets = [("SCRIP_STRIPE_SECRETS", OLD)];
    let fixture = Fixture::with(On::Servers, &secrets).await;
    let life = Life::new("reader");
    let paid = event(
        "evt_1",
        "checkout.session.completed",
        DAHLIA,
        life.purchase(),
    );
    // The server of this fixture has the role that only reads.
    let response = stripe(paid.to_string(), OLD).send(fixture.address).await;
    response.problem(503, "unavailable");
    fixture.finish().await;
}
