//! `POST /v1/commands` and the stored outcome.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::broker::TIMEOUT;
use tokio::time::{Instant, sleep};

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, consume, grant},
};

/// Waits until a stored outcome is there. There is no event for this.
async fn stored(fixture: &Fixture, token: &str, path: &str) -> Value {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let response = fixture.send(get(path).token(token)).await;
        if response.status == 200 || Instant::now() > deadline {
            return response.expect(200);
        }
        response.problem(404, "outcome_not_found");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Conformance: HTTP API: A command is answered with 202 after the confirm of the queue, and its
/// outcome is stored under its origin and reference
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_command_is_applied_and_its_outcome_is_found_by_its_location() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let body = grant("sign/up ü", "ada", 20).to_string();
        let response = fixture.send(post("/v1/commands", body).token(&token)).await;
        let receipt = json!({
            "referenceId": "sign/up ü", "type": "grant", "userId": "ada",
            "origin": "funding", "status": "accepted",
        });
        assert_eq!(response.expect(202), receipt, "{on:?}");
        let location = response.header("location").expect("a location").to_owned();
        assert!(location.is_ascii(), "{location}");
        let outcome = stored(&fixture, &token, &location).await;
        assert_eq!(outcome["status"], "completed");
        assert_eq!(outcome["type"], "grant");
        assert_eq!(outcome["amount"], 20);
        assert_eq!(outcome["balance"], 20);
        assert_eq!(outcome["replayed"], true);
        assert_eq!(outcome["transactions"].as_array().map(Vec::len), Some(1));
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: With `Prefer: wait` the response has the outcome, and a refusal is a 200
/// with the status `failed`
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_returns_the_outcome_that_the_stored_outcome_repeats() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        fixture.promote(&token, "g", "ada", 20).await;
        let send = async |body: Value| {
            let request = post("/v1/commands", body.to_string()).token(&token).wait();
            fixture.send(request).await
        };
        let response = send(consume("c-1", "ada", 5)).await;
        assert_eq!(response.header("preference-applied"), Some("wait=30"));
        let first = response.expect(200);
        assert_eq!(
            (&first["amount"], &first["available"]),
            (&json!(-5), &json!(15))
        );
        assert_eq!(first["replayed"], false);

        // A repetition is the same change, and so is the stored outcome.
        let again = send(consume("c-1", "ada", 5)).await.expect(200);
        assert_eq!(again["replayed"], true);
        let read = fixture
            .send(get("/v1/commands/usage/c-1").token(&token))
            .await;
        assert_eq!(read.expect(200), again);

        let other = send(consume("c-1", "ada", 6)).await.expect(200);
        assert_eq!(other["error"]["code"], "reference_conflict");

        let refused = send(consume("c-2", "ada", 50)).await.expect(200);
        assert_eq!(refused["status"], "failed");
        assert_eq!(refused["error"]["code"], "insufficient_credits");
        assert_eq!(refused["error"]["required"], 50);
        let replayed = send(consume("c-2", "ada", 50)).await.expect(200);
        let read = fixture
            .send(get("/v1/commands/usage/c-2").token(&token))
            .await;
        assert_eq!(read.expect(200), replayed);
        assert_eq!(replayed["type"], "consume");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A body that cannot be understood is a 400 with the code and the field of
/// the contract, and nothing is published
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_understood_is_refused_with_code_and_field() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        for (body, code, field) in [
            ("", "not_json", None),
            ("nonsense", "not_json", None),
            ("\u{feff}{}", "not_json", None),
            ("[]", "not_an_object", None),
            ("{}", "missing_field", Some("type")),
            (r#"{"type":"mint"}"#, "unknown_type", Some("type")),
            (
                r#"{"type":"consume","type":"consume"}"#,
                "duplicate_field",
                Some("type"),
            ),
            (
                r#"{"type":"consume","referenceId":"r","userId":"u","service":"s","x":1}"#,
                "unknown_field",
                Some("x"),
            ),
            (
                r#"{"type":"consume","referenceId":"r","userId":"u"}"#,
                "missing_field",
                Some("service"),
            ),
            (
                r#"{"type":"consume","referenceId":"r","userId":"u","service":"s","amount":0}"#,
                "invalid_field",
                Some("amount"),
            ),
            (
                r#"{"type":"consume","referenceId":"r","userId":"u","service":"s","amount":1.5}"#,
                "invalid_field",
                Some("amount"),
            ),
            (
                r#"{"type":"consume","referenceId":"","userId":"u","service":"s"}"#,
                "invalid_field",
                Some("referenceId"),
            ),
        ] {
            let response = fixture
                .send(post("/v1/commands", body).token(&token).wait())
                .await;
            let problem = response.problem(400, code);
            assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
        }
        let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        let response = fixture.send(post("/v1/commands", deep).token(&token)).await;
        response.problem(400, "too_deep");
        let twice = post("/v1/commands?origin=usage&origin=usage", "{}").token(&token);
        let problem = fixture.send(twice).await.problem(400, "invalid_field");
        assert_eq!(problem["field"], "origin");
        let other = post("/v1/commands?origin=internal", "{}").token(&token);
        fixture.send(other).await.problem(400, "invalid_field");
        fixture
            .send(get("/v1/users/u/balance").token(&token))
            .await
            .problem(404, "wallet_not_found");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: `Idempotency-Key` supplies the reference of a body without one
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_the_reference_and_applies_a_command_once() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let mut body = grant("-", "ada", 20);
        body.as_object_mut()
            .expect("an object")
            .remove("referenceId");
        let send = async |body: &Value, key: &str| {
            let request = post("/v1/commands", body.to_string()).token(&token).wait();
            fixture.send(request.header("Idempotency-Key", key)).await
        };
        let first = send(&body, "key-1").await.expect(200);
        assert_eq!(
            (&first["referenceId"], &first["replayed"]),
            (&json!("key-1"), &json!(false))
        );
        let second = send(&body, "key-1").await.expect(200);
        assert_eq!(
            (&second["balance"], &second["replayed"]),
            (&json!(20), &json!(true))
        );
        let same = send(&grant("key-1", "ada", 20), "\"key-1\"")
            .await
            .expect(200);
        assert_eq!(same["replayed"], true);
        let problem = send(&grant("key-2", "ada", 20), "key-1").await;
        assert_eq!(
            problem.problem(400, "invalid_field")["field"],
            "Idempotency-Key"
        );
        let without = post("/v1/commands", body.to_string()).token(&token).wait();
        let problem = fixture.send(without).await.problem(400, "missing_field");
        assert_eq!(problem["field"], "referenceId");
        let empty = send(&body, "").await.problem(400, "invalid_field");
        assert_eq!(empty["field"], "referenceId");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A waiting call that takes longer than its wait is answered with 202
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_before_the_outcome_is_answered_with_202() {
    let mut fixture = Fixture::new(crate::fixture::On::Servers).await;
    let token = fixture.admin().await;
    let worker = fixture.worker.take().expect("a worker");
    assert!(worker.terminate().await.success());
    let body = grant("late", "ada", 20).to_string();
    let request = post("/v1/commands", body.clone()).token(&token);
    let response = fixture.send(request.header("Prefer", "wait=1")).await;
    assert_eq!(response.expect(202)["status"], "accepted");
    assert_eq!(response.header("preference-applied"), Some("wait=1"));
    let read = get("/v1/commands/funding/late").token(&token);
    fixture.send(read).await.problem(404, "outcome_not_found");
    // The next worker applies it, once.
    fixture.worker = Some(fixture.deployment.ready_worker().await);
    let outcome = fixture
        .send(post("/v1/commands", body).token(&token).wait())
        .await
        .expect(200);
    assert_eq!(
        (&outcome["balance"], &outcome["replayed"]),
        (&json!(20), &json!(true))
    );
    fixture.finish().await;
}
