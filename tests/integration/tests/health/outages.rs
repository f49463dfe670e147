//! A worker is unready but alive during an outage, and becomes ready again.

use lapin::{BasicProperties, uri::AMQPUri};
use producer_sdk::contract::{Command, QUERY_KEY};
use testkit::{
    broker::{TestBroker, broker_url},
    process::Deployment,
    proxy::Proxy,
    raw_amqp::{RawClient, RawProperties},
    servers::Server,
};

use crate::fixture::{
    Fixture, assert_alive, get, health, listen, metric, ready, ready_worker, unready_by,
    wait_for_metric, wait_for_ready, wait_for_report,
};

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_worker_is_unready_while_the_database_is_away_and_alive_all_the_time() {
    let mut postgres = Server::start("postgres").await;
    let database = sea_orm::Database::connect(postgres.url()).await.unwrap();
    migration::up(&database).await.unwrap();
    let broker = TestBroker::start().await;
    let namespace = broker.topology().namespace();
    let mut deployment = Deployment::on_servers(&broker_url(), postgres.url(), namespace);
    let address = listen(&mut deployment);
    let worker = deployment.worker();
    ready(address).await;
    assert_eq!(metric(address, "scrip_database_up").await, Some(1.0));

    postgres.kill().await;
    // Idle lanes do not notice the outage.
    let checks = unready_by(address, "database", &["lanes"]).await;
    assert!(checks["database"]["error"].is_string(), "{checks}");
    assert_eq!(metric(address, "scrip_database_up").await, Some(0.0));
    assert_alive(address).await;
    assert_eq!(health(&deployment, &[]).await, 1);
    assert_eq!(health(&deployment, &["--live"]).await, 0);
    broker.send(&Command::registration_bonus("r", "ada")).await;
    let retries = format!(
        "scrip_lanes{{state=\"{}\"}}",
        scrip::pipeline::LaneState::Retrying.as_str()
    );
    wait_for_metric(address, &retries, 1.0).await;
    let kind =
        format!("scrip_retries_total{{lane=\"{namespace}.commands.0\",kind=\"connection\"}}");
    assert!(metric(address, &kind).await >= Some(1.0));

    postgres.bring_back().await;
    ready(address).await;
    assert_eq!(metric(address, "scrip_database_up").await, Some(1.0));
    let granted =
        format!("scrip_commands_total{{lane=\"{namespace}.commands.0\",result=\"completed\"}}");
    wait_for_metric(address, &granted, 1.0).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_worker_is_unready_while_the_broker_is_away_and_alive_all_the_time() {
    let (proxy, url) = behind_a_proxy().await;
    let mut fixture = Fixture::new().await;
    fixture.deployment.set("AMQP_URL", &url);
    let worker = ready_worker(&fixture).await;
    let lost = "scrip_broker_lost_total{connection=\"receiving\"}";
    assert_eq!(metric(fixture.address, lost).await, Some(0.0));

    assert!(proxy.close() > 0);
    let is_away = |status: u16, checks: &serde_json::Value| {
        status == 503 && checks["broker"]["ok"] == false && checks["lanes"]["registered"] == 0
    };
    let checks = wait_for_ready(fixture.address, is_away).await;
    assert_eq!(checks["database"]["ok"], true, "{checks}");
    for connection in ["receiving", "queries", "publishing", "replies"] {
        let connected = format!("scrip_broker_connected{{connection=\"{connection}\"}}");
        wait_for_metric(fixture.address, &connected, 0.0).await;
    }
    assert!(metric(fixture.address, lost).await >= Some(1.0));
    assert_alive(fixture.address).await;
    assert_eq!(health(&fixture.deployment, &[]).await, 1);

    proxy.open();
    ready(fixture.address).await;
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A failure of queries, jobs or publishing neither keeps
/// commands from being applied nor makes a worker unready, and is reported with its reason
#[tokio::test]
async fn a_worker_is_ready_and_reports_it_while_the_broker_blocks_publishing() {
    let rabbitmq = Server::start("rabbitmq").await;
    let fixture = Fixture::at(rabbitmq.url()).await;
    let worker = ready_worker(&fixture).await;
    let mut replies = fixture.broker.replies().await;
    // The broker blocks a connection when it publishes. The worker publishes after a commit, so the
    // command comes first.
    let held = fixture.block_commits().await;
    let command = Command::registration_bonus("r", "ada");
    fixture
        .broker
        .send_with(&command, replies.reply_properties("1"))
        .await;
    rabbitmq.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    held.rollback().await.unwrap();
    let is_blocked = |status: u16, report: &serde_json::Value| {
        let publishing = &report["capabilities"]["publishing"];
        status == 200 && publishing["state"] == "blocked" && publishing["ok"] == false
    };
    let report = wait_for_report(fixture.address, is_blocked).await;
    let reason = report["capabilities"]["publishing"]["reason"].as_str();
    assert!(reason.unwrap().contains("memory or disk"), "{report}");
    assert!(
        report["checks"]["broker"]["blockedForMs"].is_u64(),
        "{report}"
    );
    let publishing = "scrip_capability_up{capability=\"publishing\"}";
    assert_eq!(metric(fixture.address, publishing).await, Some(0.0));
    assert_eq!(health(&fixture.deployment, &[]).await, 0);
    let blocked = "scrip_broker_blocked{connection=\"replies\"}";
    assert_eq!(metric(fixture.address, blocked).await, Some(1.0));
    assert_alive(fixture.address).await;

    rabbitmq.ctl(&["set_vm_memory_high_watermark", "0.8"]).await;
    wait_for_metric(fixture.address, publishing, 1.0).await;
    let blocked = "scrip_broker_blocked_seconds_total{connection=\"replies\"}";
    assert!(metric(fixture.address, blocked).await > Some(0.0));
    assert_eq!(replies.outcome().await.reference_id, "r");
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: Replies that the broker refuses are counted, from the
/// first one, and make publishing unavailable until it accepts one
#[tokio::test]
async fn replies_that_the_broker_refuses_are_counted_and_make_publishing_unavailable() {
    let rabbitmq = Server::start("rabbitmq").await;
    let fixture = Fixture::at(rabbitmq.url()).await;
    let set_write = async |write| {
        let permissions = ["set_permissions", "guest", ".*", write, ".*"];
        rabbitmq.ctl(&permissions).await;
    };
    set_write("^(?!amq[.]default$).*").await;
    let worker = ready_worker(&fixture).await;
    let mut replies = fixture.broker.replies().await;
    let send = async |reference: &str| {
        let command = Command::registration_bonus(reference, reference);
        let properties = replies.reply_properties(reference);
        fixture.broker.send_with(&command, properties).await;
    };
    send("refused").await;
    let refused = "scrip_replies_dropped_total{reason=\"broker_refused\"}";
    wait_for_metric(fixture.address, refused, 1.0).await;
    let report = wait_for_report(fixture.address, |status, report| {
        status == 200 && report["capabilities"]["publishing"]["state"] == "unavailable"
    })
    .await;
    let reason = &report["capabilities"]["publishing"]["reason"];
    assert_eq!(reason, "the broker refuses replies", "{report}");
    assert_eq!(worker.times_logged("broker refused replies"), 1);

    set_write(".*").await;
    send("accepted").await;
    assert_eq!(replies.outcome().await.reference_id, "accepted");
    wait_for_report(fixture.address, |status, report| {
        status == 200 && report["capabilities"]["publishing"]["ok"] == true
    })
    .await;
    assert_eq!(metric(fixture.address, refused).await, Some(1.0));
    assert!(worker.terminate().await.success());
}

/// Conformance: Broker permissions and senders: A sender with an unusable `reply_to` is counted,
/// and reported once
#[tokio::test]
async fn a_sender_with_an_unusable_reply_to_is_reported_once() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let dead = fixture.broker.topology().dead();
    for n in 0..3 {
        let command = Command::registration_bonus(format!("r-{n}"), format!("user-{n}"));
        let properties = BasicProperties::default()
            .with_reply_to(dead.as_str().into())
            .with_app_id("shop\u{1b}[2J".into());
        fixture.broker.send_with(&command, properties).await;
    }
    let lost = "scrip_replies_dropped_total{reason=\"reply_to_unusable\"}";
    wait_for_metric(fixture.address, lost, 3.0).await;
    let event = "reply cannot be sent";
    assert_eq!(worker.times_logged(event), 1, "{}", worker.log());
    let log = worker.log();
    let line = log.lines().find(|line| line.contains(event)).unwrap();
    assert!(line.contains("`reply_to` names no reply queue"), "{line}");
    assert!(line.contains(&dead) && line.contains("shop"), "{line}");
    assert!(!line.contains("\u{1b}[2J"), "{line}");
    assert!(worker.terminate().await.success());
    assert_eq!(fixture.broker.ready_in(&dead).await, 0);
}

/// Conformance: Broker permissions and senders: Queries with unreadable properties are counted, and
/// each of their senders is reported once
#[tokio::test]
async fn unreadable_queries_are_counted_and_each_sender_is_reported_once() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let queries = fixture.broker.topology().queries();
    let unreadable = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
    let named = unreadable.clone().text(RawProperties::USER_ID, b"guest");
    for properties in [&unreadable, &named, &unreadable, &named, &named] {
        let mut client = RawClient::connect().await;
        let sent = client.publish(&queries, QUERY_KEY.as_bytes(), properties, b"{}");
        sent.await.unwrap();
        assert!(client.finish().await);
    }
    wait_for_metric(fixture.address, "scrip_unreadable_queries_total", 5.0).await;
    let log = worker.log();
    let event = "query with unreadable properties acknowledged without an answer";
    let lines: Vec<_> = log.lines().filter(|line| line.contains(event)).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("`message_id` must be UTF-8")),
        "{lines:?}"
    );
    let names_sender = |line: &&&str| line.contains("sender=\"guest\"");
    assert_eq!(lines.iter().filter(names_sender).count(), 1, "{lines:?}");
    assert!(worker.terminate().await.success());
}

/// Conformance: Back pressure and health: A serving or standby worker is ready; it is unready while
/// database or broker is down, the database refuses everything, a commit hangs, and from SIGTERM on
#[tokio::test]
async fn a_lane_that_pauses_because_the_database_refuses_all_makes_the_worker_unready() {
    let fixture = Fixture::new().await;
    let worker = ready_worker(&fixture).await;
    let constraint = "ALTER TABLE credits_transaction ADD CONSTRAINT broken \
                      CHECK (reference_id = 'none') NOT VALID";
    fixture.database.execute(constraint).await;
    for n in 0..10 {
        let command = Command::registration_bonus(format!("r-{n}"), format!("ada-{n}"));
        fixture.broker.send(&command).await;
    }
    let checks = unready_by(fixture.address, "lanes", &[]).await;
    assert_eq!(checks["lanes"]["alarmed"], 1, "{checks}");
    assert_alive(fixture.address).await;
    let refused = format!(
        "scrip_retries_total{{lane=\"{}\",kind=\"refused\"}}",
        fixture.broker.topology().commands(0)
    );
    assert!(metric(fixture.address, &refused).await >= Some(1.0));

    let drop = "ALTER TABLE credits_transaction DROP CONSTRAINT broken";
    fixture.database.execute(drop).await;
    ready(fixture.address).await;
    let metrics = get(fixture.address, "/metrics").await.body;
    let mut dead = metrics
        .lines()
        .filter(|line| line.starts_with("scrip_dead_letters_total{"));
    assert!(dead.all(|line| line.ends_with(" 0")), "{metrics}");
    assert!(worker.terminate().await.success());
}

/// A relay in front of the broker, and the URL through it.
async fn behind_a_proxy() -> (Proxy, String) {
    let mut uri: AMQPUri = broker_url().parse().unwrap();
    let proxy = Proxy::before(format!("{}:{}", uri.authority.host, uri.authority.port)).await;
    let (host, port) = proxy.address().split_once(':').unwrap();
    host.clone_into(&mut uri.authority.host);
    uri.authority.port = port.parse().unwrap();
    let url = uri.to_string();
    (proxy, url)
}
