//! Letters whose properties cannot be read are handled like any other.

use producer_sdk::{
    Command,
    contract::{Door, bucket},
};
use serde_json::Value;
use tests::raw_amqp::{RawClient, RawProperties, frame_filled};

use super::Stage;

async fn raw_publish(exchange: &str, routing_key: &str, properties: &RawProperties, body: &[u8]) {
    let mut client = RawClient::connect().await;
    let key = routing_key.as_bytes();
    let published = client.publish(exchange, key, properties, body).await;
    published.expect("sent");
    assert!(client.finish().await, "the broker takes it");
}

/// The only letter with this reference.
async fn letter(stage: &Stage, reference: &str) -> Value {
    let letters = stage.list(&["--reference", reference]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters[0].clone()
}

async fn wait_for_letter(stage: &Stage, reference: &str) -> Value {
    stage
        .wait_for("it is set aside", async |stage| {
            !stage.list(&["--reference", reference]).await.is_empty()
        })
        .await;
    letter(stage, reference).await
}

/// Whether its error says so.
fn explains(letter: &Value, why: &str) -> bool {
    letter["error"].as_str().is_some_and(|error| error.contains(why))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_the_broker_lengthened_is_listed_shown_replayed_and_dropped() {
    let stage = Stage::broker().await;
    let exchange = stage.the_broker().topology().door(Door::Usage);
    let key = bucket("eve").to_string();
    let frame_max = RawClient::connect().await.frame_max();
    // The broker sets them aside as expired, with `x-death` on top of headers that fill a frame.
    let filled = frame_filled(frame_max, |table| {
        let headers = RawProperties::default().headers(table);
        headers.text(RawProperties::EXPIRATION, b"1")
    });
    for reference in ["kept", "replayed", "dropped"] {
        let command = Command::consume(reference, "eve", "s").amount(5);
        raw_publish(&exchange, &key, &filled, &command.to_json()).await;
    }
    for reference in ["kept", "replayed", "dropped"] {
        let letter = wait_for_letter(&stage, reference).await;
        assert_eq!(letter["reason"], "unreadable_properties");
        assert_eq!(letter["door"], Value::Null);
        assert!(explains(&letter, "bytes long, got"), "{letter}");
    }
    assert_eq!(
        stage
            .references(&["--reason", "unreadable_properties"])
            .await
            .len(),
        3
    );
    let shown = stage.deployment.succeed(&["dead", "show", "kept"]).await;
    assert!(shown.contains("\"referenceId\":\"kept\""), "{shown}");

    let drop = ["dead", "drop", "--reference", "dropped", "--yes"];
    stage.deployment.succeed(&drop).await;
    let replay = ["dead", "replay", "--reference", "replayed"];
    let refused = stage.deployment.run(&replay).await;
    assert_eq!(
        refused.status.code(),
        Some(1),
        "nobody knows by which door it came"
    );
    let replay = [&replay[..], &["--door", "usage"]].concat();
    assert_eq!(stage.deployment.succeed(&replay).await, "6 letters, 1 replayed\n");
    let worker = stage.deployment.ready_worker().await;
    let recorded = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'replayed'";
    stage
        .wait_for("it is recorded", async |stage| stage.number(recorded).await == 1)
        .await;
    assert!(worker.terminate().await.success());
    let left = stage.references(&["--reason", "unreadable_properties"]).await;
    assert_eq!(left, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_a_worker_is_replayed_by_its_own_door_and_without_its_properties() {
    let stage = Stage::broker().await;
    let worker = stage.deployment.ready_worker().await;
    let exchange = stage.the_broker().topology().door(Door::Usage);
    let command = Command::consume("odd", "eve", "s").amount(5);
    let properties = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff, 0xfe]);
    raw_publish(&exchange, "0", &properties, &command.to_json()).await;
    let letter = wait_for_letter(&stage, "odd").await;
    assert_eq!(
        (&letter["reason"], &letter["door"]),
        (&"unreadable_properties".into(), &"usage".into())
    );
    assert!(explains(&letter, "`message_id` must be UTF-8"), "{letter}");
    let replay = ["dead", "replay", "--reference", "odd"];
    assert_eq!(stage.deployment.succeed(&replay).await, "5 letters, 1 replayed\n");
    let recorded = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'odd'";
    stage
        .wait_for("it is recorded", async |stage| stage.number(recorded).await == 1)
        .await;
    assert!(worker.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_request_with_unreadable_properties_is_a_letter_and_the_next_one_is_served() {
    let stage = Stage::broker().await;
    let worker = stage.deployment.ready_worker().await;
    let queue = stage.the_broker().topology().jobs();
    let request = |by: &str| format!(r#"{{"job":"expire","date":"2026-01-02","startedBy":"{by}"}}"#);
    for properties in [
        RawProperties::default().text(RawProperties::TYPE, &[0xff]),
        frame_filled(RawClient::connect().await.frame_max() + 8, |table| {
            RawProperties::default().headers(table)
        }),
    ] {
        raw_publish("", &queue, &properties, request("mallory").as_bytes()).await;
    }
    raw_publish("", &queue, &RawProperties::default(), request("good").as_bytes()).await;
    let run = "SELECT count(*) FROM job_run WHERE name LIKE 'expire%' AND run_date = '2026-01-02'";
    stage
        .wait_for("the good one is run", async |stage| stage.number(run).await == 1)
        .await;
    stage
        .wait_for("the others are letters", async |stage| {
            stage
                .references(&["--reason", "unreadable_properties"])
                .await
                .len()
                == 2
        })
        .await;
    assert_eq!(worker.times_said("the queue of jobs cannot be served now"), 0);
    assert!(worker.terminate().await.success());
}
