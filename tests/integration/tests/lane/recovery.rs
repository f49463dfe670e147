//! Errors of the broker: deleted queues, cut connections and unexpected queue types.

use std::time::Duration;

use futures_util::FutureExt;
use lapin::{
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, QUERY_KEY, Reply};
use scrip::transport::amqp::{InboundOptions, topology};
use testkit::{
    broker::{TestBroker, broker_url},
    proxy::Proxy,
};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends};

#[tokio::test]
async fn a_queue_that_is_deleted_is_declared_again_and_served() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut replies = fixture.broker.replies().await;
    let worker = fixture.worker("w").await;
    send_spends(&fixture, &replies, "u", 0..10).await;
    expect_in_order(&mut replies, "u", 10).await;

    let channel = fixture.broker.connection().create_channel().await.unwrap();
    channel
        .queue_delete(
            fixture.commands_queue().into(),
            QueueDeleteOptions::default(),
        )
        .await
        .unwrap();
    in_time("the lane to subscribe again", async {
        while worker.stats()[&fixture.commands_queue()].subscriptions < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    send_spends(&fixture, &replies, "u", 10..20).await;
    for n in 10..20 {
        assert_eq!(replies.outcome().await.reference_id, format!("u-{n}"));
    }
    drain(worker).await;
}

#[tokio::test]
async fn a_lane_whose_connection_is_cut_while_idle_continues_at_full_speed() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let (proxy, mut options) = behind_a_proxy(&fixture).await;
    options.group_max = 20;
    let worker = fixture.worker_with(options).await;
    for cuts in 1..=3 {
        assert!(proxy.cut() > 0);
        in_time("the lane to recover", async {
            while worker.stats()[&fixture.commands_queue()].subscriptions <= cuts {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    let mut replies = fixture.broker.replies().await;
    let blocked = fixture.block_commits().await;
    send_spends(&fixture, &replies, "u", 0..100).await;
    // Two groups are prefetched, as before.
    fixture
        .broker
        .wait_for_ready(&fixture.commands_queue(), 100 - 40)
        .await;
    blocked.rollback().await.unwrap();
    expect_in_order(&mut replies, "u", 100).await;
    drain(worker).await;
}

/// A relay in front of the broker, and the options of a worker that uses it.
async fn behind_a_proxy(fixture: &Fixture) -> (Proxy, InboundOptions) {
    let uri: lapin::uri::AMQPUri = broker_url().parse().unwrap();
    let proxy = Proxy::before(format!("{}:{}", uri.authority.host, uri.authority.port)).await;
    let (host, port) = proxy.address().split_once(':').unwrap();
    let mut through = uri.clone();
    host.clone_into(&mut through.authority.host);
    through.authority.port = port.parse().unwrap();
    let mut options = fixture.options("w");
    options.url = through.to_string();
    (proxy, options)
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_acknowledgements_change_nothing() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let (proxy, mut options) = behind_a_proxy(&fixture).await;
    options.group_max = 25;
    let worker = fixture.worker_with(options).await;

    let mut replies = fixture.broker.replies().await;
    let user = Command::consume("last", "u", "test").amount(1);
    for round in 0..5 {
        send_spends(&fixture, &replies, "u", round * 400..(round + 1) * 400).await;
        // After the first reply the others are on their way.
        replies.outcome().await;
        assert!(proxy.cut() > 0);
        in_time("the lane to recover", async {
            while worker.stats()[&fixture.commands_queue()].subscriptions < round as u64 + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
    fixture
        .broker
        .send_with(&user, replies.reply_properties("last"))
        .await;
    loop {
        let outcome = replies.outcome().await;
        if outcome.reference_id == "last" {
            assert_eq!(outcome.balance, Some(FUNDS - 2001));
            break;
        }
    }
    // Replies may be lost. The ledger shows the applied commands and their order.
    let out_of_turn = "SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption' \
                       AND reference_id LIKE 'u-%' \
                       AND balance_after <> 1000000 - 1 - substr(reference_id, 3)::bigint";
    assert_eq!(fixture.count(out_of_turn).await, 0);
    let all = "SELECT count(*) AS n FROM credits_transaction WHERE type = 'consumption'";
    assert_eq!(fixture.count(all).await, 2001);
    assert!(replies.reply().now_or_never().is_none());
    drain(worker).await;
}

/// Conformance: Broker permissions and senders: A query queue of the wrong type is reported
/// together with the remedy
#[tokio::test]
async fn a_query_queue_of_another_type_is_served_and_logged_with_a_remedy() {
    let broker = TestBroker::undeclared(1).await;
    let queries = broker.topology().queries();
    let channel = broker.connection().create_channel().await.unwrap();
    let mut classic = FieldTable::default();
    classic.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("classic".into()),
    );
    let declared = channel.queue_declare(
        queries.as_str().into(),
        QueueDeclareOptions::durable(),
        classic,
    );
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

    let fixture = Fixture::on(broker).await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let body = br#"{"type":"balance","userId":"u"}"#;
    fixture
        .broker
        .publish(&queries, QUERY_KEY, body, replies.reply_properties("q"))
        .await;
    assert!(matches!(replies.reply().await, Reply::Answer(_)));
    drain(worker).await;
}
