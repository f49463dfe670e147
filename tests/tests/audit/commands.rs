//! What each command records.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use tests::broker::PATIENCE;
use tokio::time::{sleep, timeout};

use super::stage::{Stage, error, on_servers_and_on_the_file};

/// `action`, `actor`, `status`, `subject` and `userId` of an action.
fn facts(action: &Value) -> [&str; 5] {
    ["action", "actor", "status", "subject", "userId"].map(|name| action[name].as_str().unwrap_or("-"))
}

async fn each_command_records_who_did_what_and_how_it_ended(stage: Stage) {
    let worker = stage.deployment.ready_worker().await;
    let grant = "publish grant --user ada --reason promotion --amount 50 --reference g-1 --description secret-note \
        --actor ops:maria --wait";
    let freeze = "publish freeze --user ada --reason chargeback --reference f-1 --actor ops:igor --wait";
    let consume = "publish consume --user ada --service llm:tokens --reference c-1 --actor ops:maria --wait";
    let unfreeze = "publish unfreeze --user ada --reason settled --reference f-2 --actor ops:igor";
    for (command, code) in [(grant, 0), (freeze, 0), (consume, 1), (unfreeze, 0)] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let output = stage.deployment.run(&words).await;
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
    let file = stage.deployment.folder().join("commands.jsonl");
    std::fs::write(
        &file,
        "{\"type\":\"consume\",\"referenceId\":\"c-2\",\"userId\":\"ada\",\"service\":\"llm:tokens\"}\n",
    )
    .expect("writable");
    let file = file.display().to_string();
    stage
        .deployment
        .succeed(&["replay", &file, "--wait", "--actor", "ops:maria"])
        .await;
    stage
        .deployment
        .succeed(&[
            "job",
            "run",
            "verify",
            "--again",
            "--date",
            "2026-01-02",
            "--actor",
            "ops:maria",
        ])
        .await;

    let log = stage.log(&[]).await;
    let found: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            ["publish", "ops:maria", "completed", "g-1", "ada"],
            ["freeze", "ops:igor", "completed", "f-1", "ada"],
            ["publish", "ops:maria", "failed", "c-1", "ada"],
            ["unfreeze", "ops:igor", "completed", "f-2", "ada"],
            ["replay", "ops:maria", "completed", file.as_str(), "-"],
            ["job_run", "ops:maria", "completed", "verify", "-"],
        ]
    );
    let command = &log[0]["detail"]["command"];
    assert_eq!(
        (&command["type"], &command["amount"], &command["reason"]),
        (&json!("grant"), &json!(50), &json!("promotion"))
    );
    assert!(!log[0].to_string().contains("secret-note"), "{}", log[0]);
    assert_eq!(log[0]["result"], json!({ "amount": 50, "replayed": false }));
    // The command carries the same actor.
    assert_eq!(log[1]["detail"]["command"]["actor"], "ops:igor");
    assert_eq!(log[2]["result"]["code"], "wallet_frozen");
    assert_eq!(log[3]["result"], json!({ "confirmed": true }));
    assert_eq!(
        (&log[4]["detail"]["types"], &log[4]["detail"]["commands"]),
        (&json!({ "consume": 1 }), &json!(1))
    );
    assert_eq!(
        log[4]["detail"]["sha256"],
        "92aaa9bee41860852a9c454ae6641d287c757cf0454eb00ed59e00237948a578"
    );
    assert_eq!(log[4]["result"]["published"], 1);
    assert_eq!(
        (&log[5]["detail"]["date"], &log[5]["result"]["counts"]["holds"]),
        (&json!("2026-01-02"), &json!(true))
    );
    for action in &log {
        assert!(action["detail"]["systemUser"].is_string(), "{action}");
        assert!(action["at"].as_str() <= action["endedAt"].as_str(), "{action}");
    }

    let taken = stage
        .deployment
        .run(&["job", "run", "verify", "--date", "2026-01-02"])
        .await;
    assert_eq!(taken.status.code(), Some(1));
    let log = stage.log(&["--action", "job_run"]).await;
    assert_eq!(log[1]["status"], "failed");
    let why = log[1]["result"]["error"].as_str().expect("an error");
    assert!(why.contains("--again runs it once more"), "{why}");
    assert!(worker.terminate().await.success());
}

async fn dead_letters_that_an_operator_replays_or_drops_are_named(stage: Stage) {
    for _ in 0..2 {
        stage.set_aside("typo-1").await;
        let dry = ["dead", "replay", "--all", "--dry-run", "--actor", "ops:maria"];
        stage.deployment.succeed(&dry).await;
        let replay = [
            "dead",
            "replay",
            "--reason",
            "unknown_field",
            "--actor",
            "ops:maria",
        ];
        stage.deployment.succeed(&replay).await;
    }
    stage.set_aside("typo-2").await;
    let drop = [
        "dead",
        "drop",
        "--reference",
        "typo-2",
        "--yes",
        "--actor",
        "ops:igor",
    ];
    stage.deployment.succeed(&drop).await;
    let none = ["dead", "drop", "--all", "--yes", "--actor", "ops:igor"];
    stage.deployment.succeed(&none).await;
    assert_eq!(stage.letters().await, 0);

    let log = stage.log(&[]).await;
    let found: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            ["dead_replay", "ops:maria", "completed", "-", "-"],
            ["dead_replay", "ops:maria", "completed", "-", "-"],
            ["dead_drop", "ops:igor", "completed", "typo-2", "-"],
            ["dead_drop", "ops:igor", "completed", "-", "-"],
        ],
        "what only counts is not recorded"
    );
    let letter = |reference: &str| json!([{ "referenceId": reference, "type": "consume", "userId": "ada", "reason": "unknown_field" }]);
    assert_eq!(log[0]["detail"]["reason"], "unknown_field");
    assert_eq!(log[1]["result"]["letters"], letter("typo-1"));
    assert_eq!(log[1]["result"]["counts"]["replayed"], 1);
    assert_eq!(log[2]["result"]["letters"], letter("typo-2"));
    assert_eq!(log[2]["result"]["counts"]["dropped"], 1);
    assert_eq!(log[3]["detail"]["all"], true);
    assert_eq!(log[3]["result"]["letters"], json!([]));
}

async fn a_command_that_is_killed_stays_in_the_log_as_begun(stage: Stage) {
    for reference in ["typo-1", "typo-2", "typo-3"] {
        stage.set_aside(reference).await;
    }
    let mut replay =
        stage
            .deployment
            .command(&["dead", "replay", "--all", "--rate", "1", "--actor", "ops:maria"]);
    let mut child = replay
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = timeout(PATIENCE, async {
        while stage.number("SELECT count(*) FROM operator_action").await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    begun.await.expect("an entry");
    child.kill().await.expect("killed");

    let log = stage.log(&[]).await;
    let found: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(found, [["dead_replay", "ops:maria", "begun", "-", "-"]]);
    assert_eq!(log[0]["detail"]["rate"], 1);
    assert!(log[0]["endedAt"].is_null() && log[0]["result"].is_null());
}

on_servers_and_on_the_file! {
    each_command_records_who_did_what_and_how_it_ended,
    dead_letters_that_an_operator_replays_or_drops_are_named,
    a_command_that_is_killed_stays_in_the_log_as_begun,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_a_namespace_is_recorded() {
    let stage = Stage::servers().await;
    let worker = stage.deployment.ready_worker().await;
    let claim = ["topology", "claim", "--yes", "--actor", "ops:maria"];
    let busy = stage.deployment.run(&claim).await;
    assert!(error(&busy).contains("stop all workers"), "{busy:?}");
    assert!(worker.terminate().await.success());
    stage.deployment.succeed(&claim).await;
    let log = stage.log(&[]).await;
    let namespace = stage.broker.as_ref().expect("a broker").topology().namespace();
    let found: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            ["topology_claim", "ops:maria", "failed", namespace, "-"],
            ["topology_claim", "ops:maria", "completed", namespace, "-"],
        ]
    );
    assert!(log[1]["detail"]["ledger"].is_string());
}
