//! Messages that the client library cannot read become dead letters on their first delivery, and no other message does.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use producer_sdk::{
    Client, Options,
    contract::{Door, QUERY_KEY, headers},
    unreadable,
};
use scrip::amqp::Inbound;
use tests::{
    broker::{Inbox, broker_url, header},
    raw_amqp::{RawClient, RawProperties, direct_reply_overflow, frame_filled, hostile_properties},
};

use crate::stage::{FUNDS, Stage, drain, expect_in_order, in_time, send_spends};

const BODY: &[u8] =
    br#"{"type":"consume","referenceId":"hostile","userId":"mallory","service":"test","amount":1}"#;

/// The next dead letter, which must be one with unreadable properties.
async fn expect_letter(dead: &mut Inbox, why: &str) {
    let letter = dead.next().await;
    assert_eq!(
        header(&letter, headers::REASON).as_deref(),
        Some("unreadable_properties")
    );
    let error = header(&letter, headers::ERROR).unwrap();
    assert!(error.contains(why), "`{error}` says {why}");
    assert_eq!(header(&letter, headers::ATTEMPT).as_deref(), Some("0"));
    assert_eq!(letter.data, BODY, "the body is untouched");
    assert_eq!(unreadable(&letter.properties), None, "{why}");
}

/// Each connection stands, and each queue was subscribed to once: nothing was delivered twice.
fn expect_undisturbed(worker: &Inbound) {
    let seen = worker.watch().see();
    for (name, link) in seen.broker.unwrap().named() {
        assert!(link.connected && link.lost == 0, "{name}: {link:?}");
    }
    for lane in seen.lanes {
        assert_eq!(lane.stats.snapshot().subscriptions, 1, "{}", lane.queue);
    }
}

async fn raw_publish(exchange: &str, routing_key: &[u8], properties: &RawProperties) {
    let mut client = RawClient::connect().await;
    let published = client.publish(exchange, routing_key, properties, BODY).await;
    published.unwrap();
    assert!(client.finish().await, "the broker takes it");
}

async fn every_kind_is_a_dead_letter(door: Door) {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let worker = stage.worker("w").await;
    let mut replies = stage.broker.replies().await;
    let mut dead = stage.broker.dead_letters().await;
    let exchange = stage.broker.topology().door(door);
    let frame_max = RawClient::connect().await.frame_max();
    let kinds = hostile_properties(frame_max);
    for (n, hostile) in kinds.iter().enumerate() {
        send_spends(&stage, &replies, "good", n * 10..n * 10 + 5).await;
        raw_publish(&exchange, b"0", &hostile.properties).await;
        send_spends(&stage, &replies, "good", n * 10 + 5..n * 10 + 10).await;
        expect_letter(&mut dead, hostile.why).await;
    }
    expect_in_order(&mut replies, "good", kinds.len() * 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_through_usage_is_a_dead_letter_and_the_others_go_through_in_order() {
    every_kind_is_a_dead_letter(Door::Usage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_through_funding_is_a_dead_letter_and_the_others_go_through_in_order() {
    every_kind_is_a_dead_letter(Door::Funding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_between_good_ones_hold_nothing_up() {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let mut replies = stage.broker.replies().await;
    send_spends(&stage, &replies, "good", 0..100).await;
    let mut client = RawClient::connect().await;
    let usage = stage.broker.topology().usage();
    let kinds = hostile_properties(client.frame_max());
    for hostile in kinds.iter().cycle().take(200) {
        let published = client.publish(&usage, b"7", &hostile.properties, BODY).await;
        published.unwrap();
    }
    assert!(client.finish().await);
    send_spends(&stage, &replies, "good", 100..200).await;
    let worker = stage.worker("w").await;
    expect_in_order(&mut replies, "good", 200).await;
    let dead = stage.broker.topology().dead();
    stage.broker.wait_for_ready(&dead, 200).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_the_brokers_reply_queue_lengthens_is_a_dead_letter() {
    let stage = Stage::new().await;
    let worker = stage.worker("w").await;
    let mut client = RawClient::connect().await;
    client.await_direct_replies().await;
    let properties = direct_reply_overflow(client.frame_max());
    let usage = stage.broker.topology().usage();
    client.publish(&usage, b"0", &properties, BODY).await.unwrap();
    assert!(client.finish().await);
    expect_letter(&mut stage.broker.dead_letters().await, "bytes long").await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_a_second_delivery_lengthens_is_a_dead_letter() {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let mut replies = stage.broker.replies().await;
    let client = RawClient::connect().await;
    let filled = frame_filled(client.frame_max(), |table| {
        RawProperties::default().headers(table)
    });
    raw_publish(&stage.broker.topology().usage(), b"0", &filled).await;
    // A worker that dies with it in hand.
    let mut taken = stage.broker.inbox(&stage.commands_queue()).await;
    assert_eq!(taken.peek().await.data, BODY);
    taken.close().await;
    send_spends(&stage, &replies, "good", 0..10).await;
    let worker = stage.worker("w").await;
    expect_letter(&mut stage.broker.dead_letters().await, "bytes long").await;
    expect_in_order(&mut replies, "good", 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_key_that_is_not_utf8_leads_to_a_dead_letter_by_way_of_the_unrouted_commands() {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let worker = stage.worker("w").await;
    let mut replies = stage.broker.replies().await;
    let mut dead = stage.broker.dead_letters().await;
    for (door, key) in [(Door::Usage, &[0xff; 255][..]), (Door::Funding, &[b'7', 0xc3])] {
        let exchange = stage.broker.topology().door(door);
        raw_publish(&exchange, key, &RawProperties::default()).await;
        expect_letter(&mut dead, "the routing key must be UTF-8").await;
    }
    send_spends(&stage, &replies, "good", 0..10).await;
    expect_in_order(&mut replies, "good", 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_claims_unreadable_properties_harms_its_own_message_only() {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let worker = stage.worker("w").await;
    let mut replies = stage.broker.replies().await;
    let mut table = FieldTable::default();
    table.insert(
        headers::UNREADABLE.into(),
        lapin::types::AMQPValue::Boolean(false),
    );
    let properties = BasicProperties::default().with_headers(table);
    let usage = stage.broker.topology().usage();
    stage.broker.publish(&usage, "0", BODY, properties).await;
    send_spends(&stage, &replies, "good", 0..10).await;
    expect_letter(&mut stage.broker.dead_letters().await, "its sender says so").await;
    expect_in_order(&mut replies, "good", 10).await;
    drain(worker).await;
}

/// The broker itself refuses it: the connection that ends is the sender's.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_an_unknown_type_does_not_pass_the_broker() {
    let stage = Stage::new().await;
    let worker = stage.worker("w").await;
    let mut client = RawClient::connect().await;
    let properties = RawProperties::default().headers(b"\x01kZ");
    let usage = stage.broker.topology().usage();
    let sent = client.publish(&usage, b"0", &properties, BODY).await;
    let was_taken = sent.is_ok() && client.finish().await;
    if was_taken {
        expect_letter(&mut stage.broker.dead_letters().await, "known type").await;
    }
    expect_undisturbed(&worker);
    drain(worker).await;
}

/// What a receiver without the filter makes of the same messages: if this test fails the filter is no longer needed.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_library_alone_ends_its_connection_over_such_a_message() {
    let stage = Stage::new().await;
    let usage = stage.broker.topology().usage();
    let properties = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
    raw_publish(&usage, b"0", &properties).await;
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&broker_url(), properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let mut consumer = channel
        .basic_consume(
            stage.commands_queue().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let next = in_time("the end of the subscription", consumer.next()).await;
    assert!(!matches!(next, Some(Ok(_))), "{next:?}");
    in_time("the end of the connection", async {
        while connection.status().connected() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_read_is_acknowledged_and_the_next_one_is_answered() {
    let stage = Stage::new().await;
    stage.fund("good").await;
    let worker = stage.worker("w").await;
    let queries = stage.broker.topology().queries();
    let mut client = RawClient::connect().await;
    client.await_direct_replies().await;
    let mut all: Vec<_> = hostile_properties(client.frame_max());
    let overflow = direct_reply_overflow(client.frame_max());
    for properties in all.drain(..).map(|hostile| hostile.properties).chain([overflow]) {
        let published = client
            .publish(&queries, QUERY_KEY.as_bytes(), &properties, BODY)
            .await;
        published.unwrap();
    }
    assert!(client.finish().await);
    let options = Options {
        namespace: stage.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(stage.broker.url(), options).await.unwrap();
    assert_eq!(client.balance("good").await.unwrap().available_credits, FUNDS);
    client.close().await.unwrap();
    expect_undisturbed(&worker);
    drain(worker).await;
    assert_eq!(stage.broker.ready_in(&queries).await, 0);
    assert_eq!(stage.broker.ready_in(&stage.broker.topology().dead()).await, 0);
}
