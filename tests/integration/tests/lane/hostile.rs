//! Messages that the AMQP library cannot decode become dead letters on their first delivery. All
//! other messages are processed.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use producer_sdk::{
    Client, Options,
    amqp::unreadable,
    contract::{Origin, QUERY_KEY, headers},
};
use scrip::transport::amqp::Inbound;
use testkit::{
    broker::{Inbox, broker_url, header},
    raw_amqp::{RawClient, RawProperties, direct_reply_overflow, frame_filled, hostile_properties},
};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends};

const BODY: &[u8] =
    br#"{"type":"consume","referenceId":"hostile","userId":"mallory","service":"test","amount":1}"#;

/// Reads the next dead letter; panics unless its reason is unreadable properties.
async fn expect_dead_letter(dead: &mut Inbox, why: &str) {
    let letter = dead.next().await;
    assert_eq!(
        header(&letter, headers::REASON).as_deref(),
        Some("unreadable_properties")
    );
    let error = header(&letter, headers::ERROR).unwrap();
    assert!(error.contains(why), "`{error}` says {why}");
    assert_eq!(header(&letter, headers::ATTEMPT).as_deref(), Some("0"));
    assert_eq!(letter.data, BODY, "the body is unchanged");
    assert_eq!(unreadable(&letter.properties), None, "{why}");
}

/// Panics unless each connection is open and each queue has had one subscription, so that no
/// message was delivered twice.
fn expect_undisturbed(worker: &Inbound) {
    let snapshot = worker.watch().snapshot();
    for (name, link) in snapshot.broker.unwrap().named() {
        assert!(link.connected && link.lost == 0, "{name}: {link:?}");
    }
    for lane in snapshot.lanes {
        assert_eq!(lane.stats.snapshot().subscriptions, 1, "{}", lane.queue);
    }
}

async fn raw_publish(exchange: &str, routing_key: &[u8], properties: &RawProperties) {
    let mut client = RawClient::connect().await;
    let published = client
        .publish(exchange, routing_key, properties, BODY)
        .await;
    published.unwrap();
    assert!(client.finish().await, "the broker accepts it");
}

async fn every_kind_is_a_dead_letter(origin: Origin) {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let mut dead = fixture.broker.dead_letters().await;
    let exchange = fixture.broker.topology().exchange(origin);
    let frame_max = RawClient::connect().await.frame_max();
    let kinds = hostile_properties(frame_max);
    for (n, hostile) in kinds.iter().enumerate() {
        send_spends(&fixture, &replies, "good", n * 10..n * 10 + 5).await;
        raw_publish(&exchange, b"0", &hostile.properties).await;
        send_spends(&fixture, &replies, "good", n * 10 + 5..n * 10 + 10).await;
        expect_dead_letter(&mut dead, hostile.why).await;
    }
    expect_in_order(&mut replies, "good", kinds.len() * 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_usage_messages_are_dead_letters_and_other_commands_keep_their_order() {
    every_kind_is_a_dead_letter(Origin::Usage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_funding_messages_are_dead_letters_and_other_commands_keep_their_order() {
    every_kind_is_a_dead_letter(Origin::Funding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_unreadable_messages_delay_no_valid_commands() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let mut replies = fixture.broker.replies().await;
    send_spends(&fixture, &replies, "good", 0..100).await;
    let mut client = RawClient::connect().await;
    let usage = fixture.broker.topology().usage();
    let kinds = hostile_properties(client.frame_max());
    for hostile in kinds.iter().cycle().take(200) {
        let published = client
            .publish(&usage, b"7", &hostile.properties, BODY)
            .await;
        published.unwrap();
    }
    assert!(client.finish().await);
    send_spends(&fixture, &replies, "good", 100..200).await;
    let worker = fixture.worker("w").await;
    expect_in_order(&mut replies, "good", 200).await;
    let dead = fixture.broker.topology().dead();
    fixture.broker.wait_for_ready(&dead, 200).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_the_brokers_reply_queue_lengthens_is_a_dead_letter() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut client = RawClient::connect().await;
    client.await_direct_replies().await;
    let properties = direct_reply_overflow(client.frame_max());
    let usage = fixture.broker.topology().usage();
    client
        .publish(&usage, b"0", &properties, BODY)
        .await
        .unwrap();
    assert!(client.finish().await);
    expect_dead_letter(&mut fixture.broker.dead_letters().await, "bytes long").await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_a_second_delivery_lengthens_is_a_dead_letter() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let mut replies = fixture.broker.replies().await;
    let client = RawClient::connect().await;
    let filled = frame_filled(client.frame_max(), |table| {
        RawProperties::default().headers(table)
    });
    raw_publish(&fixture.broker.topology().usage(), b"0", &filled).await;
    // A consumer disconnects while it holds the message, like a worker that crashes.
    let mut taken = fixture.broker.inbox(&fixture.commands_queue()).await;
    assert_eq!(taken.peek().await.data, BODY);
    taken.close().await;
    send_spends(&fixture, &replies, "good", 0..10).await;
    let worker = fixture.worker("w").await;
    expect_dead_letter(&mut fixture.broker.dead_letters().await, "bytes long").await;
    expect_in_order(&mut replies, "good", 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_routing_key_that_is_not_utf8_is_a_dead_letter() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let mut dead = fixture.broker.dead_letters().await;
    for (origin, key) in [
        (Origin::Usage, &[0xff; 255][..]),
        (Origin::Funding, &[b'7', 0xc3]),
    ] {
        let exchange = fixture.broker.topology().exchange(origin);
        raw_publish(&exchange, key, &RawProperties::default()).await;
        expect_dead_letter(&mut dead, "the routing key must be UTF-8").await;
    }
    send_spends(&fixture, &replies, "good", 0..10).await;
    expect_in_order(&mut replies, "good", 10).await;
    expect_undisturbed(&worker);
    drain(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_marks_its_message_as_unreadable_affects_only_that_message() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let mut table = FieldTable::default();
    table.insert(
        headers::UNREADABLE.into(),
        lapin::types::AMQPValue::Boolean(false),
    );
    let properties = BasicProperties::default().with_headers(table);
    let usage = fixture.broker.topology().usage();
    fixture.broker.publish(&usage, "0", BODY, properties).await;
    send_spends(&fixture, &replies, "good", 0..10).await;
    expect_dead_letter(
        &mut fixture.broker.dead_letters().await,
        "the sender marked the message as unreadable",
    )
    .await;
    expect_in_order(&mut replies, "good", 10).await;
    drain(worker).await;
}

/// The broker itself refuses the message and closes the connection of the sender.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_refuses_a_field_of_an_unknown_type() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut client = RawClient::connect().await;
    let properties = RawProperties::default().headers(b"\x01kZ");
    let usage = fixture.broker.topology().usage();
    let sent = client.publish(&usage, b"0", &properties, BODY).await;
    let was_taken = sent.is_ok() && client.finish().await;
    if was_taken {
        expect_dead_letter(&mut fixture.broker.dead_letters().await, "known type").await;
    }
    expect_undisturbed(&worker);
    drain(worker).await;
}

/// A consumer without the filter receives the same messages. If this test fails, the filter is no
/// longer needed.
#[tokio::test(flavor = "multi_thread")]
async fn the_amqp_library_without_the_filter_closes_its_connection() {
    let fixture = Fixture::new().await;
    let usage = fixture.broker.topology().usage();
    let properties = RawProperties::default().text(RawProperties::MESSAGE_ID, &[0xff]);
    raw_publish(&usage, b"0", &properties).await;
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&broker_url(), properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .basic_qos(1, BasicQosOptions::default())
        .await
        .unwrap();
    let mut consumer = channel
        .basic_consume(
            fixture.commands_queue().into(),
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

/// Conformance: Refusals and rejections: A message with unreadable properties is dead-lettered on
/// its first delivery and breaks no connection
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_query_is_acknowledged_and_the_next_one_gets_its_result() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let worker = fixture.worker("w").await;
    let queries = fixture.broker.topology().queries();
    let mut client = RawClient::connect().await;
    client.await_direct_replies().await;
    let mut all: Vec<_> = hostile_properties(client.frame_max());
    let overflow = direct_reply_overflow(client.frame_max());
    for properties in all
        .drain(..)
        .map(|hostile| hostile.properties)
        .chain([overflow])
    {
        let published = client
            .publish(&queries, QUERY_KEY.as_bytes(), &properties, BODY)
            .await;
        published.unwrap();
    }
    assert!(client.finish().await);
    let options = Options {
        namespace: fixture.broker.topology().namespace().to_owned(),
        ..Options::default()
    };
    let client = Client::connect(fixture.broker.url(), options)
        .await
        .unwrap();
    assert_eq!(
        client.balance("good").await.unwrap().available_credits,
        FUNDS
    );
    client.close().await.unwrap();
    expect_undisturbed(&worker);
    drain(worker).await;
    assert_eq!(fixture.broker.ready_in(&queries).await, 0);
    assert_eq!(
        fixture
            .broker
            .ready_in(&fixture.broker.topology().dead())
            .await,
        0
    );
}
