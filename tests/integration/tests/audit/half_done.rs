//! An action that fails in the middle: the log and the output contain the part that was done.

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use testkit::{
    broker::{TIMEOUT, broker_url},
    proxy::{Direction, Proxy},
};
use tokio::time::{sleep, timeout};

use super::fixture::{Fixture, error, lines};

/// The result of the only action in the log, which must have failed, and the JSON output of the
/// command.
async fn failed(fixture: &Fixture, output: &Output) -> (Value, Value) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mut log = fixture.log(&[]).await;
    assert_eq!(log.len(), 1, "{log:?}");
    let action = log.remove(0);
    assert_eq!(action["status"], "failed", "{action}");
    let recorded = action["result"]["error"].as_str().expect("an error");
    assert!(error(output).contains(recorded), "{recorded}\n{output:?}");
    let printed = lines(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(printed.len(), 1, "{output:?}");
    (action["result"].clone(), printed[0].clone())
}

/// Conformance: Audit log: Work done before an error is recorded and printed with the error
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_the_broker_interrupts_records_counts_and_dead_letters() {
    let mut fixture = Fixture::servers().await;
    let long = "x".repeat(2_000);
    for n in 0..60 {
        fixture.add_dead_letter(&format!("typo-{n}-{long}")).await;
    }
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let broker = fixture.broker.as_ref().expect("a broker");
    fixture
        .deployment
        .set("AMQP_URL", &relay.instead_of(broker.url()));
    relay.throttle(200_000);
    relay.cut_after(60_000, Direction::ToClient);
    let dropped = fixture
        .deployment
        .run(&["--json", "dead", "drop", "--all", "--yes"])
        .await;
    assert_eq!(relay.cuts(), 1);
    let (result, printed) = failed(&fixture, &dropped).await;
    let number = |name: &str| result["counts"][name].as_u64().expect("a number");
    assert!((1..60).contains(&number("dropped")), "{result}");
    // The last dead letter was read, and may not have been dropped.
    let not_dropped = number("seen") - number("dropped");
    assert!(not_dropped <= 1, "{result}");
    assert_eq!(result["chosen"], number("seen"), "{result}");
    let letters = result["letters"].as_array().expect("a list");
    assert_eq!(letters.len() as u64, number("seen"), "{result}");
    let first = letters[0]["referenceId"].as_str().expect("a reference");
    assert!(first.starts_with("typo-0-x"), "{first}");
    assert_eq!(printed["counts"], result["counts"]);
}

/// Conformance: Audit log: Work done before an error is recorded and printed with the error
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_the_broker_interrupts_counts_the_replayed_dead_letters() {
    let mut fixture = Fixture::servers().await;
    for n in 0..10 {
        fixture.add_dead_letter(&format!("typo-{n}")).await;
    }
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let broker = fixture.broker.as_ref().expect("a broker");
    let direct = broker.url().to_owned();
    // Replayed messages keep the routing key of the dead-letter queue, which no binding matches. So
    // they arrive in the queue for unrouted messages.
    let on_their_way = broker.topology().unrouted();
    fixture
        .deployment
        .set("AMQP_URL", &relay.instead_of(&direct));
    let arguments = ["--json", "dead", "replay", "--all", "--rate", "2"];
    let replaying = fixture.deployment.run(&arguments);
    let cut = async {
        let four = timeout(TIMEOUT, async {
            while broker.ready_in(&on_their_way).await < 4 {
                sleep(Duration::from_millis(20)).await;
            }
        });
        four.await.expect("replayed dead letters");
        assert!(relay.close() > 0);
    };
    let (replayed, ()) = tokio::join!(replaying, cut);
    let (result, printed) = failed(&fixture, &replayed).await;
    let replayed = result["counts"]["replayed"].as_u64().expect("a number");
    assert!((2..10).contains(&replayed), "{result}");
    assert_eq!(
        (&result["counts"]["seen"], &result["chosen"]),
        (&json!(10), &json!(10))
    );
    assert_eq!(result["letters"].as_array().map(Vec::len), Some(10));
    assert_eq!(printed["counts"], result["counts"]);
    // No message is lost: each was replayed, or is still a dead letter, or both.
    let gone = broker.ready_in(&on_their_way).await as usize;
    fixture.deployment.set("AMQP_URL", &direct);
    let left = fixture.dead_letters().await;
    assert!(gone + left >= 10, "{gone} {left}");
}

/// Conformance: Audit log: Work done before an error is recorded and printed with the error
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_the_file_interrupts_records_counts_and_dead_letters() {
    let fixture = Fixture::file().await;
    for n in 1..=5 {
        fixture.add_dead_letter(&format!("typo-{n}")).await;
    }
    fixture
        .execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON queue_message
               WHEN CAST(OLD.body AS TEXT) LIKE '%typo-4%'
               BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let dropped = fixture
        .deployment
        .run(&["--json", "dead", "drop", "--all", "--yes"])
        .await;
    let (result, printed) = failed(&fixture, &dropped).await;
    assert!(error(&dropped).contains("the disk is full"), "{dropped:?}");
    assert_eq!(
        (&result["counts"]["dropped"], &result["counts"]["seen"]),
        (&json!(3), &json!(4))
    );
    let letters = result["letters"].as_array().expect("a list");
    assert_eq!(letters.len(), 4);
    assert_eq!(letters[3]["referenceId"], "typo-4");
    assert_eq!(printed["counts"], result["counts"]);
    assert_eq!(fixture.dead_letters().await, 2);
}

/// Conformance: Audit log: Work done before an error is recorded and printed with the error
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_file_that_fails_counts_the_published_commands() {
    let fixture = Fixture::file().await;
    fixture
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON queue_message WHEN CAST(NEW.body AS TEXT) LIKE
              '%c-4%'
               BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let commands: Vec<String> = (1..=5)
        .map(|n| {
            json!({ "type": "consume", "referenceId": format!("c-{n}"), "userId": "ada", "service": "llm:tokens" })
                .to_string()
        })
        .collect();
    let file = fixture.deployment.folder().join("commands.jsonl");
    std::fs::write(&file, commands.join("\n")).expect("writable");
    let replayed = fixture
        .deployment
        .run(&["--json", "replay", "commands.jsonl", "--window", "1"])
        .await;
    let (result, printed) = failed(&fixture, &replayed).await;
    let published = result["published"].as_i64().expect("a number");
    assert!((1..5).contains(&published), "{result}");
    assert_eq!(printed["published"], result["published"]);
    assert!(fixture.waiting().await >= published);
}
