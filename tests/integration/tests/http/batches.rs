//! `POST /v1/commands/batch`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    client::{get, post},
    fixture::{BOTH, Fixture, On, consume, grant},
};

fn batch(commands: &[Value]) -> String {
    json!({ "commands": commands }).to_string()
}

/// Conformance: HTTP API: A batch of up to 1,000 commands is published in its order
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_applied_in_its_order_and_answered_in_its_order() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        // Each consumption needs the grant before it: in another order one would be refused.
        let commands: Vec<Value> = (0..500)
            .flat_map(|n| {
                [
                    grant(&format!("g-{n}"), "ada", 1),
                    consume(&format!("c-{n}"), "ada", 1),
                ]
            })
            .collect();
        let request = post("/v1/commands/batch", batch(&commands)).token(&token);
        let accepted = fixture.send(request.clone()).await.expect(202);
        let results = accepted["results"].as_array().expect("results");
        assert_eq!(results.len(), 1000);
        assert_eq!(results[1]["referenceId"], "c-0");
        assert_eq!(results[1]["origin"], "usage");
        assert!(results.iter().all(|result| result["status"] == "accepted"));

        // Sent again with a wait, every command is a replay.
        let decided = fixture.decided(request.wait()).await;
        let results = decided["results"].as_array().expect("results");
        assert_eq!(results.len(), 1000);
        for (command, result) in commands.iter().zip(results) {
            assert_eq!(result["referenceId"], command["referenceId"]);
            assert_eq!(result["status"], "completed", "{on:?}: {result}");
            assert_eq!(result["replayed"], true);
        }
        let balance = fixture
            .send(get("/v1/users/ada/balance").token(&token))
            .await;
        assert_eq!(balance.expect(200)["balance"], 0);
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A waiting batch returns each outcome, refusals included
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_batch_of_new_commands_is_decided_in_its_order() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let commands: Vec<Value> = (0..100)
            .flat_map(|n| {
                [
                    grant(&format!("g-{n}"), "ada", 2),
                    consume(&format!("c-{n}"), "ada", 2),
                    consume(&format!("d-{n}"), "ada", 1),
                ]
            })
            .collect();
        let request = post("/v1/commands/batch", batch(&commands)).token(&token);
        let decided = fixture.decided(request.wait()).await;
        let results = decided["results"].as_array().expect("results");
        for three in results.chunks(3) {
            assert_eq!(three[0]["balance"], 2, "{on:?}");
            assert_eq!(three[1]["balance"], 0, "{on:?}");
            assert_eq!(three[2]["error"]["code"], "insufficient_credits", "{on:?}");
        }
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: A batch with one wrong command publishes none, and names the command
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_batch_publishes_nothing() {
    for on in BOTH {
        let fixture = Fixture::new(on).await;
        let token = fixture.admin().await;
        let app = fixture.token(&["--role", "app"]).await;
        let send = async |body: String, token: &str| {
            let request = post("/v1/commands/batch", body).token(token).wait();
            fixture.send(request).await
        };
        let good = grant("g", "ada", 1);
        let bad = json!({ "type": "grant", "referenceId": "h", "userId": "ada" });
        let wrong = send(batch(&[good.clone(), bad]), &token).await;
        let wrong = wrong.problem(400, "missing_field");
        assert_eq!(
            (&wrong["index"], &wrong["field"]),
            (&json!(1), &json!("reason"))
        );
        let role = send(batch(&[consume("c", "ada", 1), good.clone()]), &app).await;
        assert_eq!(role.problem(403, "forbidden_role")["index"], 1);
        let many: Vec<Value> = (0..1001)
            .map(|n| grant(&format!("g-{n}"), "ada", 1))
            .collect();
        send(batch(&many), &token)
            .await
            .problem(400, "invalid_batch");
        for body in [
            batch(&[]),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"commands":1}"#.to_owned(),
            r#"{"commands":[{}],"x":1}"#.to_owned(),
        ] {
            send(body, &token).await.problem(400, "invalid_batch");
        }
        let long = json!({ "type": "grant", "description": "x".repeat(70_000) });
        let long = send(batch(&[good, long]), &token)
            .await
            .problem(413, "too_large");
        assert_eq!(long["index"], 1);
        let balance = fixture
            .send(get("/v1/users/ada/balance").token(&token))
            .await;
        balance.problem(404, "wallet_not_found");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: Commands that cannot wait because others do are accepted without a wait
#[tokio::test(flavor = "multi_thread")]
async fn waiting_commands_do_not_keep_others_from_the_queue() {
    let mut fixture = Fixture::new(On::Servers).await;
    let token = fixture.admin().await;
    let worker = fixture.worker.take().expect("a worker");
    assert!(worker.terminate().await.success());
    let many: Vec<Value> = (0..1000)
        .map(|n| grant(&format!("g-{n}"), "ada", 1))
        .collect();
    let waiting = post("/v1/commands/batch", batch(&many)).token(&token);
    let waiting = waiting.header("Prefer", "wait=15");
    let address = fixture.address;
    let waiting = tokio::spawn(async move { waiting.send(address).await });
    let broker = fixture.broker.as_ref().expect("a broker");
    broker
        .wait_for_ready(&broker.topology().commands(0), 1000)
        .await;
    let began = Instant::now();
    let one = post("/v1/commands", grant("h", "ada", 1).to_string()).token(&token);
    let one = fixture.send(one.header("Prefer", "wait=10")).await;
    one.expect(202);
    assert_eq!(one.header("preference-applied"), None);
    let two = batch(&[grant("i", "ada", 1), consume("c", "ada", 2)]);
    let two = post("/v1/commands/batch", two).token(&token).wait();
    fixture.send(two).await.expect(202);
    assert!(began.elapsed() < Duration::from_secs(8), "{began:?}");
    let results = waiting.await.expect("a response").expect(202);
    assert_eq!(results["results"].as_array().map(Vec::len), Some(1000));
    fixture.worker = Some(fixture.deployment.ready_worker().await);
    fixture.finish().await;
}

/// Conformance: HTTP API: In a batch, a command that the worker does not accept is a result of its
/// own
#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_command_of_a_batch_does_not_hide_the_outcomes_of_others() {
    let limits = r#"{ guest = { user_prefixes = ["a:"] } }"#;
    let settings = [
        ("SCRIP__SENDERS__REQUIRED", "true"),
        ("SCRIP__SENDERS__LIMITS", limits),
    ];
    let fixture = Fixture::with(On::Servers, &settings).await;
    let token = fixture.admin().await;
    let commands = [
        grant("1", "a:1", 1),
        grant("2", "b:1", 1),
        grant("3", "a:2", 1),
    ];
    let request = post("/v1/commands/batch", batch(&commands)).token(&token);
    let results = fixture.send(request.wait()).await.expect(200)["results"].clone();
    assert_eq!(results[0]["status"], "completed");
    assert_eq!(
        (&results[1]["referenceId"], &results[1]["status"]),
        (&json!("2"), &json!("rejected"))
    );
    assert_eq!(results[1]["error"]["code"], "forbidden_sender");
    assert_eq!(results[2]["status"], "completed");
    fixture.finish().await;
}
