//! Dead letters with unreadable properties are handled like all others.

use producer_sdk::{
    Command,
    contract::{Origin, bucket},
};
use serde_json::Value;
use testkit::raw_amqp::{RawClient, RawProperties, frame_filled};

use super::Fixture;

async fn raw_publish(exchange: &str, routing_key: &str, properties: &RawProperties, body: &[u8]) {
    let mut client = RawClient::connect().await;
    let key = routing_key.as_bytes();
    let published = client.publish(exchange, key, properties, body).await;
    published.expect("sent");
    assert!(client.finish().await, "the broker accepts it");
}

/// The only dead letter with this reference.
async fn letter(fixture: &Fixture, reference: &str) -> Value {
    let letters = fixture.list(&["--reference", reference]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters[0].clone()
}

async fn wait_for_letter(fixture: &Fixture, reference: &str) -> Value {
    fixture
        .wait_for("it is dead-lettered", async |fixture| {
            !fixture.list(&["--reference", reference]).await.is_empty()
        })
        .await;
    letter(fixture, reference).await
}

/// Whether the error of the dead letter contains `why`.
fn explains(letter: &Value, why: &str) -> bool {
    letter["error"]
        .as_str()
        .is_some_and(|error| error.contains(why))
}

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_the_broker_lengthened_is_listed_shown_replayed_and_dropped() {
    let fixture = Fixture::broker().await;
    let exchange = fixture.test_broker().topology().exchange(Origin::Usage);
    let key = bucket("eve").to_string();
    let frame_max = RawClient::connect().await.frame_max();
    // The messages expire, and the broker adds `x-death` to headers that already fill a frame.
    let filled = frame_filled(frame_max, |table| {
        let headers = RawProperties::default().headers(table);
        headers.text(RawProperties::EXPIRATION, b"1")
    });
    for reference in ["kept", "replayed", "dropped"] {
        let command = Command::consume(reference, "eve", "s").amount(5);
        raw_publish(&exchange, &key, &filled, &command.to_json()).await;
    }
    for reference in ["kept", "replayed", "dropped"] {
        let letter = wait_for_letter(&fixture, reference).await;
        assert_eq!(letter["reason"], "unreadable_properties");
        assert_eq!(letter["origin"], Value::Null);
        assert!(explains(&letter, "bytes long, got"), "{letter}");
    }
    assert_eq!(
        fixture
            .references(&["--reason", "unreadable_properties"])
            .await
            .len(),
        3
    );
    let shown = fixture.deployment.succeed(&["dead", "show", "kept"]).await;
    assert!(shown.contains("\"referenceId\":\"kept\""), "{shown}");

    let drop = ["dead", "drop", "--reference", "dropped", "--yes"];
    fixture.deployment.succeed(&drop).await;
    let replay = ["dead", "replay", "--reference", "replayed"];
    let refused = fixture.deployment.run(&replay).await;
    assert_eq!(refused.status.code(), Some(1), "the origin is unknown");
    let replay = [&replay[..], &["--origin", "usage"]].concat();
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "6 dead letters read, 1 replayed\n"
    );
    let worker = fixture.deployment.ready_worker().await;
    let recorded = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'replayed'";
    fixture
        .wait_for("it is recorded", async |fixture| {
            fixture.number(recorded).await == 1
        })
        .await;
    assert!(worker.terminate().await.success());
    let left = fixture
        .references(&["--reason", "unreadable_properties"])
        .await;
    assert_eq!(left, ["kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_dead_letter_is_replayed_through_its_origin_without_its_properties() {
    let fixture = Fixture::broker().await;
    let worker = fixture.deployment.ready_worker().await;
    let exchange = fixture.test_broker().topology().exchange(Origin::Usage);
    let command = Command::consume("odd", "eve", "s").amount(5);
    let properties = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff, 0xfe]);
    raw_publish(&exchange, "0", &properties, &command.to_json()).await;
    let letter = wait_for_letter(&fixture, "odd").await;
    assert_eq!(
        (&letter["reason"], &letter["origin"]),
        (&"unreadable_properties".into(), &"usage".into())
    );
    assert!(explains(&letter, "`message_id` must be UTF-8"), "{letter}");
    let replay = ["dead", "replay", "--reference", "odd"];
    assert_eq!(
        fixture.deployment.succeed(&replay).await,
        "5 dead letters read, 1 replayed\n"
    );
    let recorded = "SELECT count(*) FROM credits_transaction WHERE reference_id = 'odd'";
    fixture
        .wait_for("it is recorded", async |fixture| {
            fixture.number(recorded).await == 1
        })
        .await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn a_job_request_with_unreadable_properties_is_a_dead_letter_and_the_next_is_run() {
    let fixture = Fixture::broker().await;
    let worker = fixture.deployment.ready_worker().await;
    let queue = fixture.test_broker().topology().jobs();
    let request =
        |by: &str| format!(r#"{{"job":"expire","date":"2026-01-02","startedBy":"{by}"}}"#);
    for properties in [
        RawProperties::default().text(RawProperties::TYPE, &[0xff]),
        frame_filled(RawClient::connect().await.frame_max() + 8, |table| {
            RawProperties::default().headers(table)
        }),
    ] {
        raw_publish("", &queue, &properties, request("mallory").as_bytes()).await;
    }
    raw_publish(
        "",
        &queue,
        &RawProperties::default(),
        request("good").as_bytes(),
    )
    .await;
    let run = "SELECT count(*) FROM job_run WHERE name LIKE 'expire%' AND run_date = '2026-01-02'";
    fixture
        .wait_for("the valid request is run", async |fixture| {
            fixture.number(run).await == 1
        })
        .await;
    fixture
        .wait_for("the other requests are dead letters", async |fixture| {
            fixture
                .references(&["--reason", "unreadable_properties"])
                .await
                .len()
                == 2
        })
        .await;
    assert_eq!(worker.times_logged("job queue cannot be served"), 0);
    assert!(worker.terminate().await.success());
}
