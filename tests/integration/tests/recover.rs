//! A failover of the database that loses acknowledged commands is noticed, and they are recovered.

#[path = "recover/fixture.rs"]
mod fixture;

use fixture::{BEHIND, Fixture, USERS, balances, consume, grant};
use producer_sdk::{Command, contract::Origin};
use serde_json::{Value, json};

/// Number of commands that the standby does not receive.
const LOST: usize = 60;

/// Conformance: Ordering, failures and dead letters: A failover that loses acknowledged commands is
/// reported with its range until `scrip recover` has applied each lost command again, once and in
/// order
#[tokio::test]
async fn commands_that_a_failover_lost_are_reported_and_recovered_once() {
    let mut fixture = Fixture::new(false, Some("1h")).await;
    let worker = fixture.deployment.ready_worker().await;
    fixture.until_retained().await;
    let grants: Vec<Command> = (0..USERS).map(|user| grant(user, 100)).collect();
    fixture.apply(&grants).await;
    fixture.replica.caught_up().await;
    fixture.until_remembered("grant-0").await;

    fixture.replica.cut_off();
    let mut lost: Vec<Command> = (0..LOST).map(|n| consume(n, 1)).collect();
    // Grants through another origin, without which the last ones would be refused.
    let more: Vec<Command> = (0..USERS)
        .map(|user| Command::promotion(format!("more-{user}"), format!("user-{user}"), 50))
        .collect();
    lost.extend(more);
    lost.extend((0..USERS).map(|user| consume(LOST + user, 140)));
    // A refusal that is stored, and a copy of a command.
    lost.push(consume(1_000, 500));
    fixture.apply(&lost).await;
    fixture.broker.send(&lost[0]).await;
    let before = balances(&fixture).await;
    fixture
        .until_remembered(&lost[lost.len() - 2].reference_id)
        .await;

    fixture.replica.fail_over().await;
    worker.wait_for(BEHIND).await;
    assert!(fixture.behind_seconds().await > 0.0);
    assert_ne!(balances(&fixture).await, before);

    let report: Value = serde_json::from_str(
        fixture
            .deployment
            .fail(&["recover", "--dry-run", "--json"])
            .await
            .lines()
            .next()
            .unwrap(),
    )
    .unwrap();
    let expected = u64::try_from(lost.len()).unwrap();
    assert_eq!(report["counts"]["missing"], json!(expected), "{report}");
    assert_eq!(report["counts"]["published"], json!(0));
    let recovered = fixture.recover(&["--actor", "ops:maria"]).await;
    assert_eq!(recovered["counts"]["published"], json!(expected));
    assert_eq!(recovered["counts"]["applied"], json!(expected - 1));
    assert_eq!(recovered["counts"]["refused"], json!(1));
    assert_eq!(recovered["undecided"], json!([]));

    assert_eq!(balances(&fixture).await, before);
    fixture.deployment.succeed(&["verify"]).await;
    worker.wait_for("lost commits are recovered").await;
    assert!(fixture.behind_seconds().await.abs() < f64::EPSILON);
    let again = fixture.recover(&[]).await;
    assert_eq!(again, json!({ "behind": null, "range": null }));
    let log = fixture.deployment.succeed(&["audit", "--json"]).await;
    assert!(
        log.contains("\"recover\"") && log.contains("ops:maria"),
        "{log}"
    );
    worker.terminate().await;
}

/// Conformance: Ordering, failures and dead letters: Without retained commands, `scrip recover`
/// names the range of time whose commands must be sent again
#[tokio::test]
async fn without_retained_commands_the_range_to_send_again_is_named() {
    let mut fixture = Fixture::new(false, None).await;
    let worker = fixture.deployment.ready_worker().await;
    let grants: Vec<Command> = (0..USERS).map(|user| grant(user, 100)).collect();
    fixture.apply(&grants).await;
    fixture.replica.caught_up().await;
    fixture.until_remembered("grant-0").await;
    fixture.replica.cut_off();
    let lost: Vec<Command> = (0..LOST).map(|n| consume(n, 1)).collect();
    fixture.apply(&lost).await;
    let before = balances(&fixture).await;
    fixture.until_remembered(&lost[LOST - 1].reference_id).await;
    // The worker that acknowledged them is gone, too, and its successor reports the loss.
    worker.kill().await;
    fixture.replica.fail_over().await;
    let successor = fixture.deployment.ready_worker().await;
    successor.wait_for(BEHIND).await;

    let text = fixture.deployment.fail(&["recover"]).await;
    assert!(text.contains("lacks acknowledged commits from"), "{text}");
    assert!(
        text.contains("send the commands of this range again"),
        "{text}"
    );
    fixture.apply(&lost).await;
    assert_eq!(balances(&fixture).await, before);
    let text = fixture.deployment.fail(&["recover"]).await;
    assert!(text.contains("send the commands"), "still reported: {text}");
    fixture.deployment.succeed(&["recover", "--accept"]).await;
    successor.wait_for("lost commits are recovered").await;
    fixture.deployment.succeed(&["recover"]).await;
    successor.terminate().await;
}

/// Conformance: Ordering, failures and dead letters: A restart, a replay, a refusal and a failover
/// to a synchronous standby are no loss
#[tokio::test]
async fn nothing_is_reported_if_nothing_is_lost() {
    let mut fixture = Fixture::new(true, None).await;
    let worker = fixture.deployment.ready_worker().await;
    let grants: Vec<Command> = (0..USERS).map(|user| grant(user, 100)).collect();
    fixture.apply(&grants).await;
    // Copies, a stored refusal, refusals that are not stored, and a message that is no command.
    fixture.broker.send_all(&grants).await;
    fixture.apply(&[consume(1_000, 5_000)]).await;
    for user in 0..USERS {
        let unknown = Command::consume(format!("x-{user}"), format!("user-{user}"), "no:service");
        fixture.broker.send(&unknown).await;
    }
    fixture.broker.send_body(Origin::Usage, b"{").await;
    let spent: Vec<Command> = (0..LOST).map(|n| consume(n, 1)).collect();
    fixture.apply(&spent).await;
    fixture
        .until_remembered(&spent[LOST - 1].reference_id)
        .await;
    let complete = json!({ "behind": null, "range": null });
    assert_eq!(fixture.recover(&[]).await, complete);

    let before = balances(&fixture).await;
    fixture.replica.fail_over().await;
    fixture.apply(&[consume(2_000, 1)]).await;
    assert_eq!(fixture.recover(&[]).await, complete);
    let log = worker.log();
    assert!(worker.terminate().await.success());
    let successor = fixture.deployment.ready_worker().await;
    fixture.apply(&[consume(2_000 + USERS, 1)]).await;
    assert_eq!(fixture.recover(&[]).await, complete);
    assert!(fixture.behind_seconds().await.abs() < f64::EPSILON);
    let after = balances(&fixture).await;
    assert_eq!(after[0] + 2, before[0]);
    assert_eq!(after[1..], before[1..]);
    for log in [log, successor.log()] {
        assert!(!log.contains(BEHIND), "{log}");
    }
    successor.terminate().await;
}
