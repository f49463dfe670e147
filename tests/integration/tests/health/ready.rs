//! The readiness of a worker that serves, is a standby, drains or is behind.

use producer_sdk::contract::Command;
use serde_json::Value;
use testkit::process::Deployment;

use crate::fixture::{
    Fixture, assert_alive, get, health, listen, metric, ready, ready_worker, unready_by,
    wait_for_metric, wait_for_ready, wait_for_report,
};

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_serving_worker_is_ready_and_reports_its_checks() {
    let fixture = Fixture::new().await;
    let worker = fixture.deployment.worker();
    // A worker that is not ready yet reports this.
    wait_for_ready(fixture.address, |status, checks| {
        status == 200 && checks["lag"]["commands"] == 0
    })
    .await;
    let report = wait_for_report(fixture.address, |status, report| {
        let capabilities = ["commands", "queries", "jobs", "publishing"];
        let is_available = |name: &&str| {
            report["capabilities"][name]
                == serde_json::json!(
                    { "ok": true, "state": "available", "reason": null }
                )
        };
        status == 200 && capabilities.iter().all(is_available)
    })
    .await;
    let checks = &report["checks"];
    assert_eq!(checks["lanes"]["expected"], 2, "{checks}");
    assert_eq!(checks["lanes"]["registered"], 2, "{checks}");
    // Nothing was delivered so far.
    assert_eq!(checks["lanes"]["serving"], 0, "{checks}");
    assert_eq!(checks["lanes"]["standby"], 2, "{checks}");
    for connection in ["receiving", "queries", "publishing", "replies"] {
        assert_eq!(checks["broker"][connection], true, "{connection}: {checks}");
    }
    assert!(checks["database"]["ageMs"].is_u64(), "{checks}");
    assert!(checks.get("redis").is_none(), "no Redis: {checks}");
    assert_alive(fixture.address).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_standby_worker_is_ready_and_takes_over() {
    let mut fixture = Fixture::new().await;
    let first = ready_worker(&fixture).await;
    let first_address = fixture.address;
    fixture.address = listen(&mut fixture.deployment);
    let second = ready_worker(&fixture).await;
    let serving = |count: u64| {
        move |status: u16, checks: &Value| {
            status == 200
                && checks["lanes"]["serving"] == count
                && checks["lanes"]["standby"] == 2 - count
        }
    };
    fixture
        .broker
        .send(&Command::registration_bonus("r-1", "ada"))
        .await;
    wait_for_ready(first_address, serving(1)).await;
    wait_for_ready(fixture.address, serving(0)).await;
    assert!(first.terminate().await.success());
    fixture
        .broker
        .send(&Command::registration_bonus("r-2", "bob"))
        .await;
    wait_for_ready(fixture.address, serving(1)).await;
    assert!(second.terminate().await.success());
}

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_worker_that_drains_is_unready_at_once_and_alive_until_its_end() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let blocked = fixture.block_commits().await;
    fixture
        .broker
        .send(&Command::registration_bonus("r", "ada"))
        .await;
    fixture.wait_for_blocked_commit().await;
    worker.signal("TERM").await;
    worker.wait_for("stopping").await;
    let answer = get(fixture.address, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.checks()["worker"]["state"],
        "draining",
        "{}",
        answer.body
    );
    assert_eq!(metric(fixture.address, "scrip_draining").await, Some(1.0));
    assert_alive(fixture.address).await;
    blocked.rollback().await.unwrap();
    assert!(worker.ended().await.success());
}

#[tokio::test]
async fn a_worker_that_is_behind_is_unready_only_if_there_is_a_limit() {
    let mut fixture = Fixture::new().await;
    fixture.deployment.set("SCRIP__WORKER__GROUP_MAX", "1");
    let without = ready_worker(&fixture).await;
    let blocked = fixture.block_commits().await;
    for n in 0..5 {
        let command = Command::registration_bonus(format!("r-{n}"), format!("ada-{n}"));
        fixture.broker.send(&command).await;
    }
    let is_behind = |status: u16, checks: &Value| status == 200 && checks["lag"]["commands"] == 3;
    wait_for_ready(fixture.address, is_behind).await;
    wait_for_metric(fixture.address, "scrip_lag_commands", 3.0).await;
    assert_eq!(health(&fixture.deployment, &[]).await, 0);
    without.kill().await;

    fixture.deployment.set("SCRIP__HEALTH__MAX_LAG", "2");
    let with = fixture.deployment.worker();
    let checks = unready_by(fixture.address, "lag", &[]).await;
    assert_eq!(checks["lag"]["limit"], 2, "{checks}");
    assert_alive(fixture.address).await;
    blocked.rollback().await.unwrap();
    ready(fixture.address).await;
    assert!(with.terminate().await.success());
}

#[tokio::test]
async fn embedded_mode_reports_the_same_states() {
    let mut deployment = Deployment::embedded();
    let first_address = listen(&mut deployment);
    let first = deployment.worker();
    let serves = |status: u16, checks: &Value| status == 200 && checks["lanes"]["serving"] == 1;
    let checks = wait_for_ready(first_address, serves).await;
    assert!(checks.get("broker").is_none(), "no broker: {checks}");
    assert_alive(first_address).await;
    assert_eq!(health(&deployment, &[]).await, 0);

    let address = listen(&mut deployment);
    let second = deployment.worker();
    let waits = |status: u16, checks: &Value| status == 200 && checks["lanes"]["standby"] == 1;
    wait_for_ready(address, waits).await;
    deployment
        .succeed(&[
            "publish",
            "grant",
            "--user",
            "ada",
            "--reason",
            "registration_bonus",
            "--wait",
        ])
        .await;
    let granted = "scrip_commands_total{lane=\"commands\",result=\"completed\"}";
    wait_for_metric(first_address, granted, 1.0).await;
    assert_eq!(metric(address, granted).await, Some(0.0));
    wait_for_metric(
        first_address,
        "scrip_queue_messages{queue=\"commands\"}",
        0.0,
    )
    .await;
    assert!(first.terminate().await.success());
    wait_for_ready(address, serves).await;
    assert!(second.terminate().await.success());
}
