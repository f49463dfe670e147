//! The entries that each command adds to the log.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use testkit::broker::TIMEOUT;
use tokio::time::{sleep, timeout};

use super::fixture::{Fixture, error, on_servers_and_on_the_file};

/// The fields `action`, `actor`, `status`, `subject` and `userId` of an action.
fn facts(action: &Value) -> [&str; 5] {
    ["action", "actor", "status", "subject", "userId"]
        .map(|name| action[name].as_str().unwrap_or("-"))
}

/// Conformance: Audit log: Each manual command records its actor, its request and its result in the
/// audit log
async fn each_command_records_its_actor_its_action_and_its_result(fixture: Fixture) {
    let worker = fixture.deployment.ready_worker().await;
    let grant = "publish grant --user ada --reason promotion --amount 50 --reference g-1 \
        --description secret-note \
        --actor ops:maria --wait";
    let freeze =
        "publish freeze --user ada --reason chargeback --reference f-1 --actor ops:igor --wait";
    let consume =
        "publish consume --user ada --service llm:tokens --reference c-1 --actor ops:maria --wait";
    let unfreeze = "publish unfreeze --user ada --reason settled --reference f-2 --actor ops:igor";
    let revoke = "publish revoke --user ada --of g-1 --share 0.1 --reference v-1 \
        --actor ops:maria --wait";
    let reinstate =
        "publish reinstate --user ada --of v-1 --reference w-1 --actor ops:maria --wait";
    let forgive =
        "publish forgive --user ada --reason lost --reference d-1 --actor ops:igor --wait";
    for (command, code) in [
        (grant, 0),
        (freeze, 0),
        (consume, 1),
        (unfreeze, 0),
        (revoke, 0),
        (reinstate, 0),
        (forgive, 1),
    ] {
        let words: Vec<&str> = command.split_whitespace().collect();
        let output = fixture.deployment.run(&words).await;
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
    }
    let file = fixture.deployment.folder().join("commands.jsonl");
    std::fs::write(
        &file,
        "{\"type\":\"consume\",\"referenceId\":\"c-2\",\"userId\":\"ada\",\"service\":\"llm:tokens\"}\n",
    )
    .expect("writable");
    let file = file.display().to_string();
    fixture
        .deployment
        .succeed(&["replay", &file, "--wait", "--actor", "ops:maria"])
        .await;
    fixture
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

    let log = fixture.log(&[]).await;
    let actual: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        actual,
        [
            ["publish", "ops:maria", "completed", "g-1", "ada"],
            ["freeze", "ops:igor", "completed", "f-1", "ada"],
            ["publish", "ops:maria", "failed", "c-1", "ada"],
            ["unfreeze", "ops:igor", "completed", "f-2", "ada"],
            ["revoke", "ops:maria", "completed", "v-1", "ada"],
            ["reinstate", "ops:maria", "completed", "w-1", "ada"],
            ["forgive", "ops:igor", "failed", "d-1", "ada"],
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
    // The actor of the command is the same.
    assert_eq!(log[1]["detail"]["command"]["actor"], "ops:igor");
    assert_eq!(log[2]["result"]["code"], "wallet_frozen");
    assert_eq!(log[3]["result"], json!({ "confirmed": true }));
    assert_eq!(log[4]["detail"]["command"]["share"], "0.1");
    assert_eq!(log[4]["result"], json!({ "amount": -5, "replayed": false }));
    assert_eq!(log[6]["detail"]["command"]["actor"], "ops:igor");
    assert_eq!(log[6]["result"]["code"], "forgive_exceeds_debt");
    assert_eq!(
        (&log[7]["detail"]["types"], &log[7]["detail"]["commands"]),
        (&json!({ "consume": 1 }), &json!(1))
    );
    assert_eq!(
        log[7]["detail"]["sha256"],
        "92aaa9bee41860852a9c454ae6641d287c757cf0454eb00ed59e00237948a578"
    );
    assert_eq!(log[7]["result"]["published"], 1);
    assert_eq!(
        (
            &log[8]["detail"]["date"],
            &log[8]["result"]["counts"]["holds"]
        ),
        (&json!("2026-01-02"), &json!(true))
    );
    for action in &log {
        assert!(action["detail"]["systemUser"].is_string(), "{action}");
        assert!(
            action["at"].as_str() <= action["endedAt"].as_str(),
            "{action}"
        );
    }

    let taken = fixture
        .deployment
        .run(&["job", "run", "verify", "--date", "2026-01-02"])
        .await;
    assert_eq!(taken.status.code(), Some(1));
    let log = fixture.log(&["--action", "job_run"]).await;
    assert_eq!(log[1]["status"], "failed");
    let why = log[1]["result"]["error"].as_str().expect("an error");
    assert!(why.contains("add --again to run it again"), "{why}");
    assert!(worker.terminate().await.success());
}

/// Conformance: Audit log: Each manual command records its actor, its request and its result in the
/// audit log
async fn the_entry_of_a_replay_or_drop_names_the_dead_letters(fixture: Fixture) {
    for _ in 0..2 {
        fixture.add_dead_letter("typo-1").await;
        let dry = [
            "dead",
            "replay",
            "--all",
            "--dry-run",
            "--actor",
            "ops:maria",
        ];
        fixture.deployment.succeed(&dry).await;
        let replay = [
            "dead",
            "replay",
            "--reason",
            "unknown_field",
            "--actor",
            "ops:maria",
        ];
        fixture.deployment.succeed(&replay).await;
    }
    fixture.add_dead_letter("typo-2").await;
    let drop = [
        "dead",
        "drop",
        "--reference",
        "typo-2",
        "--yes",
        "--actor",
        "ops:igor",
    ];
    fixture.deployment.succeed(&drop).await;
    let none = ["dead", "drop", "--all", "--yes", "--actor", "ops:igor"];
    fixture.deployment.succeed(&none).await;
    assert_eq!(fixture.dead_letters().await, 0);

    let log = fixture.log(&[]).await;
    let actual: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        actual,
        [
            ["dead_replay", "ops:maria", "completed", "-", "-"],
            ["dead_replay", "ops:maria", "completed", "-", "-"],
            ["dead_drop", "ops:igor", "completed", "typo-2", "-"],
            ["dead_drop", "ops:igor", "completed", "-", "-"],
        ],
        "a command that only counts has no entry"
    );
    let letter = |reference: &str| {
        json!([{ "referenceId": reference, "type": "consume", "userId": "ada",
            "reason": "unknown_field" }])
    };
    assert_eq!(log[0]["detail"]["reason"], "unknown_field");
    assert_eq!(log[1]["result"]["letters"], letter("typo-1"));
    assert_eq!(log[1]["result"]["counts"]["replayed"], 1);
    assert_eq!(log[2]["result"]["letters"], letter("typo-2"));
    assert_eq!(log[2]["result"]["counts"]["dropped"], 1);
    assert_eq!(log[3]["detail"]["all"], true);
    assert_eq!(log[3]["result"]["letters"], json!([]));
}

/// Conformance: Audit log: A manual command that is killed, or whose end cannot be recorded, stays
/// `begun`
async fn a_command_that_is_killed_stays_in_the_log_as_begun(fixture: Fixture) {
    for reference in ["typo-1", "typo-2", "typo-3"] {
        fixture.add_dead_letter(reference).await;
    }
    let mut replay = fixture.deployment.command(&[
        "dead",
        "replay",
        "--all",
        "--rate",
        "1",
        "--actor",
        "ops:maria",
    ]);
    let mut child = replay
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = timeout(TIMEOUT, async {
        while fixture.number("SELECT count(*) FROM operator_action").await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    begun.await.expect("an entry");
    child.kill().await.expect("killed");

    let log = fixture.log(&[]).await;
    let actual: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(actual, [["dead_replay", "ops:maria", "begun", "-", "-"]]);
    assert_eq!(log[0]["detail"]["rate"], 1);
    assert!(log[0]["endedAt"].is_null() && log[0]["result"].is_null());
}

on_servers_and_on_the_file! {
    each_command_records_its_actor_its_action_and_its_result,
    the_entry_of_a_replay_or_drop_names_the_dead_letters,
    a_command_that_is_killed_stays_in_the_log_as_begun,
}

/// Conformance: Audit log: Each manual command records its actor, its request and its result in the
/// audit log
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_a_namespace_is_recorded() {
    let fixture = Fixture::servers().await;
    let worker = fixture.deployment.ready_worker().await;
    let claim = ["topology", "claim", "--yes", "--actor", "ops:maria"];
    let busy = fixture.deployment.run(&claim).await;
    assert!(error(&busy).contains("stop all workers"), "{busy:?}");
    assert!(worker.terminate().await.success());
    fixture.deployment.succeed(&claim).await;
    let log = fixture.log(&[]).await;
    let namespace = fixture
        .broker
        .as_ref()
        .expect("a broker")
        .topology()
        .namespace();
    let actual: Vec<_> = log.iter().map(facts).collect();
    assert_eq!(
        actual,
        [
            ["topology_claim", "ops:maria", "failed", namespace, "-"],
            ["topology_claim", "ops:maria", "completed", namespace, "-"],
        ]
    );
    assert!(log[1]["detail"]["ledger"].is_string());
}
