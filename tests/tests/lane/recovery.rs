//! Trouble with the broker: queues deleted, connections cut, properties that cannot be read.

use std::time::Duration;

use futures_util::FutureExt;
use lapin::{
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, QUERY_KEY, Reply};
use scrip::amqp::{InboundOptions, topology};
use tests::{
    broker::{TestBroker, broker_url},
    proxy::Proxy,
};

use crate::stage::{FUNDS, Stage, drain, expect_in_order, in_time, send_spends};

#[tokio::test]
async fn a_queue_that_is_deleted_is_declared_again_and_served() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut replies = stage.broker.replies().await;
    let worker = stage.worker("w").await;
    send_spends(&stage, &replies, "u", 0..10).await;
    expect_in_order(&mut replies, "u", 10).await;

    let channel = stage.broker.connection().create_channel().await.unwrap();
    channel
        .queue_delete(stage.commands_queue().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    in_time("the lane to subscribe again", async {
        while worker.stats()[&stage.commands_queue()].subscriptions < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    send_spends(&stage, &replies, "u", 10..20).await;
    for n in 10..20 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    drain(worker).await;
}

#[tokio::test]
async fn a_lane_whose_connection_is_cut_while_it_has_nothing_to_do_goes_on_at_full_speed() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let (proxy, mut options) = behind_a_proxy(&stage).await;
    options.group_max = 20;
    let worker = stage.worker_with(options).await;
    for cuts in 1..=3 {
        assert!(proxy.cut() > 0);
        in_time("the lane to come back", async {
            while worker.stats()[&stage.commands_queue()].subscriptions <= cuts {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    let mut replies = stage.broker.replies().await;
    let blocked = stage.block_commits().await;
    send_spends(&stage, &replies, "u", 0..100).await;
    // Two groups are prefetched, as ever.
    stage
        .broker
        .wait_for_ready(&stage.commands_queue(), 100 - 40)
        .await;
    blocked.rollback().await.unwrap();
    expect_in_order(&mut replies, "u", 100).await;
    drain(worker).await;
}

/// A proxy before the broker, and the options of a worker that goes through it.
async fn behind_a_proxy(stage: &Stage) -> (Proxy, InboundOptions) {
    let uri: lapin::uri::AMQPUri = broker_url().parse().unwrap();
    let proxy = Proxy::before(format!("{}:{}", uri.authority.host, uri.authority.port)).await;
    let (host, port) = proxy.address().split_once(':').unwrap();
    let mut through = uri.clone();
    host.clone_into(&mut through.authority.host);
    through.authority.port = port.parse().unwrap();
    let mut options = stage.options("w");
    options.url = through.to_string();
    (proxy, options)
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_acknowledgements_change_nothing() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let (proxy, mut options) = behind_a_proxy(&stage).await;
    options.group_max = 25;
    let worker = stage.worker_with(options).await;

    let mut replies = stage.broker.replies().await;
    let user = Command::consume("last", "u", "test").amount(1);
    for round in 0..5 {
        send_spends(&stage, &replies, "u", round * 400..(round + 1) * 400).await;
        // One reply has come, so others are on their way.
        replies.outcome().await;
        assert!(proxy.cut() > 0);
        in_time("the lane to come back", async {
            while worker.stats()[&stage.commands_queue()].subscriptions < round as u64 + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    stage.broker.send_with(&user, replies.asking("last")).await;
    loop {
        let outcome = replies.outcome().await;
        if outcome.reference_id == "last" {
            assert_eq!(outcome.balance, Some(FUNDS - 2001));
            break;
        }
    }
    // Replies may be lost; what was applied, and in which order, is in the ledger.
    let out_of_turn = "SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption' \
                       AND reference_id LIKE 'u-%' \
                       AND balance_after <> 1000000 - 1 - substr(reference_id, 3)::bigint";
    assert_eq!(stage.count(out_of_turn).await, 0);
    let all = "SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption'";
    assert_eq!(stage.count(all).await, 2001);
    assert!(replies.reply().now_or_never().is_none());
    drain(worker).await;
}

#[tokio::test]
async fn a_query_queue_of_another_kind_is_named_with_what_to_do_and_served() {
    let broker = TestBroker::undeclared(1).await;
    let queries = broker.topology().queries();
    let channel = broker.connection().create_channel().await.unwrap();
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let declared = channel.queue_declare(queries.as_str().into(), QueueDeclareOptions::durable(), quorum);
    declared.await.unwrap();

    let differences = topology::declare_at(broker.url(), broker.topology())
        .await
        .unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(differences[0].what, queries);
    let remedy = differences[0].remedy.as_deref().unwrap_or_default();
    assert!(
        remedy.contains(&format!("rabbitmqctl delete_queue {queries}")),
        "{remedy}"
    );
    assert!(remedy.contains("scrip topology declare"), "{remedy}");

    let stage = Stage::on(broker).await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let mut replies = stage.broker.replies().await;
    let body = br#"{"type":"balance","userId":"u"}"#;
    stage
        .broker
        .publish(&queries, QUERY_KEY, body, replies.asking("q"))
        .await;
    assert!(matches!(replies.reply().await, Reply::Answer(_)));
    drain(worker).await;
}
