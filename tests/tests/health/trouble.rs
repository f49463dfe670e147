//! Unready while something is away, alive all the time, and ready again.

use lapin::{BasicProperties, uri::AMQPUri};
use producer_sdk::contract::{Command, QUERY_KEY};
use tests::{
    broker::{TestBroker, broker_url},
    process::Deployment,
    proxy::Proxy,
    raw_amqp::{RawClient, RawProperties},
    servers::Server,
};

use crate::stage::{
    Stage, assert_alive, get, health, listen, metric, ready, ready_worker, unready_by, wait_for_metric,
    wait_for_ready,
};

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
    // Idle lanes do not notice.
    let checks = unready_by(address, "database", &["lanes"]).await;
    assert!(checks["database"]["error"].is_string(), "{checks}");
    assert_eq!(metric(address, "scrip_database_up").await, Some(0.0));
    assert_alive(address).await;
    assert_eq!(health(&deployment, &[]).await, 1);
    assert_eq!(health(&deployment, &["--live"]).await, 0);
    broker.send(&Command::registration_bonus("r", "ada")).await;
    let retries = format!(
        "scrip_lanes{{state=\"{}\"}}",
        scrip::lane::Condition::Retrying.as_str()
    );
    wait_for_metric(address, &retries, 1.0).await;
    let kind = format!("scrip_retries_total{{lane=\"{namespace}.commands.0\",kind=\"connection\"}}");
    assert!(metric(address, &kind).await >= Some(1.0));

    postgres.bring_back().await;
    ready(address).await;
    assert_eq!(metric(address, "scrip_database_up").await, Some(1.0));
    let granted = format!("scrip_commands_total{{lane=\"{namespace}.commands.0\",result=\"completed\"}}");
    wait_for_metric(address, &granted, 1.0).await;
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn a_worker_is_unready_while_the_broker_is_away_and_alive_all_the_time() {
    let (proxy, url) = behind_a_proxy().await;
    let mut stage = Stage::new().await;
    stage.deployment.set("AMQP_URL", &url);
    let worker = ready_worker(&stage).await;
    let lost = "scrip_broker_lost_total{connection=\"receiving\"}";
    assert_eq!(metric(stage.address, lost).await, Some(0.0));

    assert!(proxy.close() > 0);
    let is_away = |status: u16, checks: &serde_json::Value| {
        status == 503 && checks["broker"]["ok"] == false && checks["lanes"]["registered"] == 0
    };
    let checks = wait_for_ready(stage.address, is_away).await;
    assert_eq!(checks["database"]["ok"], true, "{checks}");
    for connection in ["receiving", "queries", "publishing", "replies"] {
        let connected = format!("scrip_broker_connected{{connection=\"{connection}\"}}");
        wait_for_metric(stage.address, &connected, 0.0).await;
    }
    assert!(metric(stage.address, lost).await >= Some(1.0));
    assert_alive(stage.address).await;
    assert_eq!(health(&stage.deployment, &[]).await, 1);

    proxy.open();
    ready(stage.address).await;
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn a_worker_is_unready_while_the_broker_blocks_publishing() {
    let rabbitmq = Server::start("rabbitmq").await;
    let stage = Stage::at(rabbitmq.url()).await;
    let worker = ready_worker(&stage).await;
    let mut replies = stage.broker.replies().await;
    // The broker blocks whoever publishes, and the worker does so when it commits: so the command first.
    let held = stage.block_commits().await;
    let command = Command::registration_bonus("r", "ada");
    stage.broker.send_with(&command, replies.asking("1")).await;
    rabbitmq.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    held.rollback().await.unwrap();
    unready_by(stage.address, "blocked", &[]).await;
    let blocked = "scrip_broker_blocked{connection=\"replies\"}";
    assert_eq!(metric(stage.address, blocked).await, Some(1.0));
    assert_alive(stage.address).await;

    rabbitmq.ctl(&["set_vm_memory_high_watermark", "0.8"]).await;
    ready(stage.address).await;
    let blocked = "scrip_broker_blocked_seconds_total{connection=\"replies\"}";
    assert!(metric(stage.address, blocked).await > Some(0.0));
    assert_eq!(replies.outcome().await.reference_id, "r");
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn a_sender_whose_reply_to_cannot_be_used_is_reported_once() {
    let stage = Stage::new().await;
    let worker = ready_worker(&stage).await;
    let dead = stage.broker.topology().dead();
    for n in 0..3 {
        let command = Command::registration_bonus(format!("r-{n}"), format!("user-{n}"));
        let asking = BasicProperties::default()
            .with_reply_to(dead.as_str().into())
            .with_app_id("shop\u{1b}[2J".into());
        stage.broker.send_with(&command, asking).await;
    }
    let lost = "scrip_replies_dropped_total{reason=\"reply_to_unusable\"}";
    wait_for_metric(stage.address, lost, 3.0).await;
    let said = "no reply can be sent: `reply_to` names no reply queue";
    assert_eq!(worker.times_said(said), 1, "{}", worker.log());
    let log = worker.log();
    let line = log.lines().find(|line| line.contains(said)).unwrap();
    assert!(line.contains(&dead) && line.contains("shop"), "{line}");
    assert!(!line.contains("\u{1b}[2J"), "{line}");
    assert!(worker.terminate().await.success());
    assert_eq!(stage.broker.ready_in(&dead).await, 0);
}

#[tokio::test]
async fn queries_with_unreadable_properties_are_counted_and_each_sender_is_reported_once() {
    let stage = Stage::new().await;
    let worker = ready_worker(&stage).await;
    let queries = stage.broker.topology().queries();
    let unreadable = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
    let named = unreadable.clone().text(RawProperties::USER_ID, b"guest");
    for properties in [&unreadable, &named, &unreadable, &named, &named] {
        let mut client = RawClient::connect().await;
        let sent = client.publish(&queries, QUERY_KEY.as_bytes(), properties, b"{}");
        sent.await.unwrap();
        assert!(client.finish().await);
    }
    wait_for_metric(stage.address, "scrip_unreadable_queries_total", 5.0).await;
    let log = worker.log();
    let said = "query with unreadable properties acknowledged without an answer";
    let lines: Vec<_> = log.lines().filter(|line| line.contains(said)).collect();
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

#[tokio::test]
async fn a_lane_that_is_paused_because_the_database_refuses_everything_makes_the_worker_unready() {
    let stage = Stage::new().await;
    let worker = ready_worker(&stage).await;
    let constraint =
        "ALTER TABLE credits_transaction ADD CONSTRAINT broken CHECK (reference_id = 'none') NOT VALID";
    stage.database.execute(constraint).await;
    for n in 0..10 {
        let command = Command::registration_bonus(format!("r-{n}"), format!("ada-{n}"));
        stage.broker.send(&command).await;
    }
    let checks = unready_by(stage.address, "lanes", &[]).await;
    assert_eq!(checks["lanes"]["alarmed"], 1, "{checks}");
    assert_alive(stage.address).await;
    let refused = format!(
        "scrip_retries_total{{lane=\"{}\",kind=\"refused\"}}",
        stage.broker.topology().commands(0)
    );
    assert!(metric(stage.address, &refused).await >= Some(1.0));

    let drop = "ALTER TABLE credits_transaction DROP CONSTRAINT broken";
    stage.database.execute(drop).await;
    ready(stage.address).await;
    let told = get(stage.address, "/metrics").await.body;
    let mut dead = told
        .lines()
        .filter(|line| line.starts_with("scrip_dead_letters_total{"));
    assert!(dead.all(|line| line.ends_with(" 0")), "{told}");
    assert!(worker.terminate().await.success());
}

/// A proxy before the broker, and the URL through it.
async fn behind_a_proxy() -> (Proxy, String) {
    let mut uri: AMQPUri = broker_url().parse().unwrap();
    let proxy = Proxy::before(format!("{}:{}", uri.authority.host, uri.authority.port)).await;
    let (host, port) = proxy.address().split_once(':').unwrap();
    host.clone_into(&mut uri.authority.host);
    uri.authority.port = port.parse().unwrap();
    let url = uri.to_string();
    (proxy, url)
}
