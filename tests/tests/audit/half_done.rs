//! An action that fails half-way: the log and the operator learn what had been done by then.

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use tests::{
    broker::{PATIENCE, broker_url},
    proxy::{Proxy, Way},
};
use tokio::time::{sleep, timeout};

use super::stage::{Stage, error, lines};

/// The only action in the log, which must have failed; and what the command printed with `--json`.
async fn failed(stage: &Stage, output: &Output) -> (Value, Value) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mut log = stage.log(&[]).await;
    assert_eq!(log.len(), 1, "{log:?}");
    let action = log.remove(0);
    assert_eq!(action["status"], "failed", "{action}");
    let recorded = action["result"]["error"].as_str().expect("an error");
    assert!(error(output).contains(recorded), "{recorded}\n{output:?}");
    let printed = lines(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(printed.len(), 1, "{output:?}");
    (action["result"].clone(), printed[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_the_broker_ends_half_way_records_counts_and_letters() {
    let mut stage = Stage::servers().await;
    let long = "x".repeat(2_000);
    for n in 0..60 {
        stage.set_aside(&format!("typo-{n}-{long}")).await;
    }
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let broker = stage.broker.as_ref().expect("a broker");
    stage.deployment.set("AMQP_URL", &relay.instead_of(broker.url()));
    relay.throttle(200_000);
    relay.cut_after(60_000, Way::Back);
    let dropped = stage
        .deployment
        .run(&["--json", "dead", "drop", "--all", "--yes"])
        .await;
    assert_eq!(relay.cuts(), 1);
    let (result, printed) = failed(&stage, &dropped).await;
    let number = |name: &str| result["counts"][name].as_u64().expect("a number");
    assert!((1..60).contains(&number("dropped")), "{result}");
    // The last one was looked at, and perhaps not dropped any more.
    let kept = number("seen") - number("dropped");
    assert!(kept <= 1, "{result}");
    assert_eq!(result["chosen"], number("seen"), "{result}");
    let letters = result["letters"].as_array().expect("a list");
    assert_eq!(letters.len() as u64, number("seen"), "{result}");
    let first = letters[0]["referenceId"].as_str().expect("a reference");
    assert!(first.starts_with("typo-0-x"), "{first}");
    assert_eq!(printed["counts"], result["counts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_the_broker_ends_half_way_counts_what_went() {
    let mut stage = Stage::servers().await;
    for n in 0..10 {
        stage.set_aside(&format!("typo-{n}")).await;
    }
    let relay = Proxy::before(Proxy::target(&broker_url())).await;
    let broker = stage.broker.as_ref().expect("a broker");
    let direct = broker.url().to_owned();
    // They keep the routing key of the queue that they were put into, which no binding takes.
    let on_their_way = broker.topology().unrouted();
    stage.deployment.set("AMQP_URL", &relay.instead_of(&direct));
    let arguments = ["--json", "dead", "replay", "--all", "--rate", "2"];
    let replaying = stage.deployment.run(&arguments);
    let cut = async {
        let four = timeout(PATIENCE, async {
            while broker.ready_in(&on_their_way).await < 4 {
                sleep(Duration::from_millis(20)).await;
            }
        });
        four.await.expect("letters on their way");
        assert!(relay.close() > 0);
    };
    let (replayed, ()) = tokio::join!(replaying, cut);
    let (result, printed) = failed(&stage, &replayed).await;
    let went = result["counts"]["replayed"].as_u64().expect("a number");
    assert!((2..10).contains(&went), "{result}");
    assert_eq!(
        (&result["counts"]["seen"], &result["chosen"]),
        (&json!(10), &json!(10))
    );
    assert_eq!(result["letters"].as_array().map(Vec::len), Some(10));
    assert_eq!(printed["counts"], result["counts"]);
    // None is lost: each is on its way, or still a dead letter, or both.
    let gone = broker.ready_in(&on_their_way).await as usize;
    stage.deployment.set("AMQP_URL", &direct);
    let left = stage.letters().await;
    assert!(gone + left >= 10, "{gone} {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_the_file_ends_half_way_records_counts_and_letters() {
    let stage = Stage::file().await;
    for n in 1..=5 {
        stage.set_aside(&format!("typo-{n}")).await;
    }
    stage
        .execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON queue_message WHEN CAST(OLD.body AS TEXT) LIKE '%typo-4%'
               BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let dropped = stage
        .deployment
        .run(&["--json", "dead", "drop", "--all", "--yes"])
        .await;
    let (result, printed) = failed(&stage, &dropped).await;
    assert!(error(&dropped).contains("the disk is full"), "{dropped:?}");
    assert_eq!(
        (&result["counts"]["dropped"], &result["counts"]["seen"]),
        (&json!(3), &json!(4))
    );
    let letters = result["letters"].as_array().expect("a list");
    assert_eq!(letters.len(), 4);
    assert_eq!(letters[3]["referenceId"], "typo-4");
    assert_eq!(printed["counts"], result["counts"]);
    assert_eq!(stage.letters().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_commands_that_fails_half_way_counts_what_was_published() {
    let stage = Stage::file().await;
    stage
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON queue_message WHEN CAST(NEW.body AS TEXT) LIKE '%c-4%'
               BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .await;
    let commands: Vec<String> = (1..=5)
        .map(|n| {
            json!({ "type": "consume", "referenceId": format!("c-{n}"), "userId": "ada", "service": "llm:tokens" })
                .to_string()
        })
        .collect();
    let file = stage.deployment.folder().join("commands.jsonl");
    std::fs::write(&file, commands.join("\n")).expect("writable");
    let replayed = stage
        .deployment
        .run(&["--json", "replay", "commands.jsonl", "--window", "1"])
        .await;
    let (result, printed) = failed(&stage, &replayed).await;
    let published = result["published"].as_i64().expect("a number");
    assert!((1..5).contains(&published), "{result}");
    assert_eq!(printed["published"], result["published"]);
    assert!(stage.waiting().await >= published);
}
