//! A worker with a wrong clock is unready but alive, and becomes ready again.

use producer_sdk::{Client, Options, contract::Command};
use serde_json::Value;
use testkit::{
    process::{Deployment, Worker},
    stepped_clock::SteppedClock,
};

use crate::fixture::{
    Fixture, assert_alive, listen, metric, ready, ready_worker, unready_by, wait_for_metric,
    wait_for_ready,
};

const DIFFERENCE: &str = "scrip_clock_difference_seconds";
const STOPPED: &str = "scrip_clock_stopped";

/// Whether a difference is equal to the step, within the tolerance of a busy machine.
fn is_about(difference: f64, step: i64) -> bool {
    (difference - f64::from(i32::try_from(step).unwrap())).abs() < 5.0
}

/// Conformance: Back pressure and health: While its clock is wrong in either direction, a worker is
/// unready and decides nothing; waiting commands are applied once afterwards
#[tokio::test]
async fn a_wrong_clock_makes_a_worker_unready_and_decides_nothing() {
    let mut fixture = Fixture::new().await;
    let clock = SteppedClock::install(&mut fixture.deployment).await;
    let worker = ready_worker(&fixture).await;
    let address = fixture.address;
    let lane = fixture.broker.topology().commands(0);
    let completed = format!("scrip_commands_total{{lane=\"{lane}\",result=\"completed\"}}");
    let retries = format!("scrip_retries_total{{lane=\"{lane}\",kind=\"clock\"}}");
    for (done, step) in [(0.0, 600), (1.0, -600)] {
        clock.step(step);
        let checks = unready_by(address, "clock", &["lanes"]).await;
        let difference = checks["clock"]["differenceMs"].as_f64().unwrap() / 1000.0;
        assert!(is_about(difference, step), "{checks}");
        assert_eq!(checks["clock"]["limitMs"], 300_000, "{checks}");
        assert!(is_about(metric(address, DIFFERENCE).await.unwrap(), step));
        assert_eq!(metric(address, STOPPED).await, Some(1.0));
        let before = metric(address, &retries).await.unwrap();
        let command = Command::registration_bonus(format!("r{step}"), format!("ada{step}"));
        fixture.broker.send(&command).await;
        wait_for_metric(address, "scrip_lanes{state=\"retrying\"}", 1.0).await;
        assert!(metric(address, &retries).await.unwrap() > before);
        assert_eq!(metric(address, &completed).await, Some(done));
        assert_alive(address).await;
        clock.step(0);
        ready(address).await;
        wait_for_metric(address, &completed, done + 1.0).await;
        assert_eq!(metric(address, STOPPED).await, Some(0.0));
    }
    assert_eq!(
        fixture
            .broker
            .ready_in(&fixture.broker.topology().dead())
            .await,
        0
    );
    assert_eq!(worker.times_logged("alarm"), 2, "{}", worker.log());
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: While its clock is wrong in either direction, a worker is
/// unready and decides nothing; waiting commands are applied once afterwards
#[tokio::test]
async fn a_worker_neither_registers_nor_replies_before_its_clock_is_right() {
    let mut fixture = Fixture::new().await;
    let clock = SteppedClock::install(&mut fixture.deployment).await;
    clock.step(3600);
    let worker = fixture.deployment.worker();
    unready_by(fixture.address, "clock", &["lanes"]).await;
    wait_for_metric(
        fixture.address,
        "scrip_lanes{state=\"awaiting_clock\"}",
        2.0,
    )
    .await;
    // Queries are refused at once.
    wait_for_metric(
        fixture.address,
        "scrip_capability_up{capability=\"queries\"}",
        1.0,
    )
    .await;
    let options = Options {
        namespace: fixture.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(fixture.broker.url(), options)
        .await
        .unwrap();
    let error = client.balance("ada").await.unwrap_err().to_string();
    assert!(error.contains("retry later"), "{error}");
    client.close().await.unwrap();
    clock.step(0);
    ready(fixture.address).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: While its clock is wrong in either direction, a worker is
/// unready and decides nothing; waiting commands are applied once afterwards
#[tokio::test]
async fn a_clock_difference_below_the_limit_is_logged() {
    let mut fixture = Fixture::new().await;
    let clock = SteppedClock::install(&mut fixture.deployment).await;
    let worker = ready_worker(&fixture).await;
    clock.step(-100);
    worker.wait_for("clocks differ").await;
    assert_eq!(
        worker.times_logged("nothing is decided"),
        0,
        "{}",
        worker.log()
    );
    assert!(is_about(
        metric(fixture.address, DIFFERENCE).await.unwrap(),
        -100
    ));
    assert_eq!(metric(fixture.address, STOPPED).await, Some(0.0));
    ready(fixture.address).await;
    assert!(worker.terminate().await.success());
}

/// Publishes on the embedded queue.
async fn register(deployment: &Deployment, user: &str) {
    let grant = [
        "publish",
        "grant",
        "--user",
        user,
        "--reason",
        "registration_bonus",
    ];
    deployment.succeed(&grant).await;
}

/// Conformance: Back pressure and health: While its clock is wrong in either direction, a worker is
/// unready and decides nothing; waiting commands are applied once afterwards
#[tokio::test]
async fn on_a_file_a_wrong_clock_makes_a_worker_unready_and_decides_nothing() {
    let mut deployment = Deployment::embedded();
    let address = listen(&mut deployment);
    let clock = SteppedClock::install(&mut deployment).await;
    let worker: Worker = deployment.worker();
    ready(address).await;
    let completed = "scrip_commands_total{lane=\"commands\",result=\"completed\"}";
    for (done, step) in [(0.0, 600), (1.0, -600)] {
        clock.step(step);
        let checks = unready_by(address, "clock", &["lanes"]).await;
        let difference = checks["clock"]["differenceMs"].as_f64().unwrap() / 1000.0;
        assert!(is_about(difference, step), "{checks}");
        assert!(is_about(metric(address, DIFFERENCE).await.unwrap(), step));
        // The programs of a deployment share its clock.
        register(&deployment, &format!("ada{step}")).await;
        let retries = |_: u16, checks: &Value| checks["lanes"]["awaitingClock"] == 1;
        wait_for_ready(address, retries).await;
        assert_eq!(metric(address, completed).await, Some(done));
        assert_alive(address).await;
        clock.step(0);
        ready(address).await;
        wait_for_metric(address, completed, done + 1.0).await;
    }
    assert_eq!(worker.times_logged("alarm"), 2, "{}", worker.log());
    assert!(worker.terminate().await.success());
}
