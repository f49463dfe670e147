//! An app that sends too many messages takes no capacity that other senders need.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use lapin::{
    BasicProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, Origin, QUERY_KEY, Reply, bucket, headers};
use scrip::{senders::SenderPolicy, transport::amqp::Inbound};
use testkit::broker::{Inbox, header};

use super::fixture::{Fixture, drain, in_time};

/// The number of dead letters from which on rejected usage messages are discarded (docs/reference/outcomes.md,
/// "Rejections and dead letters").
const MOST_DEAD_LETTERS: usize = 10_000;

/// The number of rejected messages that were discarded for this reason.
fn discarded(worker: &Inbound, reason: &str) -> u64 {
    worker.watch().snapshot().discarded[reason]
}

async fn until(event: &str, happened: impl Fn() -> bool) {
    let waited = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(event, waited).await;
}

/// Conformance: Broker permissions and senders: Rejected `usage` messages are kept while fewer than
/// 10,000 dead letters wait; payments are always kept, returned replies never
#[tokio::test(flavor = "multi_thread")]
async fn rejected_usage_messages_leave_space_for_payments_in_the_dead_letter_queue() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let dead = fixture.broker.topology().dead();
    for _ in 0..MOST_DEAD_LETTERS / 1_000 {
        let letter = || {
            fixture
                .broker
                .publish("", &dead, b"x", BasicProperties::default())
        };
        join_all((0..1_000).map(|_| letter())).await;
    }
    let mut options = fixture.options("w");
    options.look_every = Some(Duration::from_millis(50));
    let worker = fixture.worker_with(options).await;
    let waiting = |expected: u64| {
        let queues = worker.watch().snapshot().queues;
        queues.is_some_and(|queues| queues.by_name[&dead].ready == expected)
    };
    until("the worker to count the dead letters", || waiting(10_000)).await;

    for _ in 0..100 {
        fixture.broker.send_body(Origin::Usage, b"x").await;
    }
    fixture.broker.send_body(Origin::Funding, b"x").await;
    let payment = Command::purchase_package("p", "u", "none", "pi_1");
    fixture.broker.send(&payment).await;
    let mut replies = fixture.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    fixture
        .broker
        .send_with(&command, replies.reply_properties("1"))
        .await;
    assert_eq!(replies.outcome().await.reference_id, "after");

    until("the rejections to be counted", || {
        discarded(&worker, "too_many_letters") == 100
    })
    .await;
    fixture.broker.wait_for_ready(&dead, 10_002).await;

    fixture.broker.purge(&dead).await;
    until("the worker to count no dead letters", || waiting(0)).await;
    fixture.broker.send_body(Origin::Usage, b"x").await;
    fixture.broker.wait_for_ready(&dead, 1).await;
    assert_eq!(discarded(&worker, "too_many_letters"), 100);
    drain(worker).await;
}

/// A queue with a name of the broker that forwards each message to the usage exchange at once.
async fn reply_queue_into_usage(fixture: &Fixture) -> String {
    let channel = fixture.broker.connection().create_channel().await.unwrap();
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-dead-letter-exchange".into(),
        text(&fixture.broker.topology().usage()),
    );
    arguments.insert("x-dead-letter-routing-key".into(), text("0"));
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(0));
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare("".into(), exclusive, arguments).await;
    // The channel stays open as long as its connection.
    declared.unwrap().name().to_string()
}

/// Conformance: Broker permissions and senders: Rejected `usage` messages are kept while fewer than
/// 10,000 dead letters wait; payments are always kept, returned replies never
#[tokio::test]
async fn replies_that_an_app_sends_back_as_commands_are_not_dead_lettered() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let queue = reply_queue_into_usage(&fixture).await;
    let with_reply = || BasicProperties::default().with_reply_to(queue.as_str().into());
    let queries = fixture.broker.topology().queries();
    let body = br#"{"type":"balance","userId":"u"}"#;
    fixture
        .broker
        .publish(&queries, QUERY_KEY, body, with_reply())
        .await;
    let command = Command::consume("c", "u", "test").amount(1);
    fixture.broker.send_with(&command, with_reply()).await;
    until("both replies to return", || {
        discarded(&worker, "own_reply") == 2
    })
    .await;

    // Only payment bridges can send it through funding, and their messages are always
    // dead-lettered.
    let mut table = FieldTable::default();
    table.insert(headers::REPLY.into(), AMQPValue::Boolean(true));
    let marked = BasicProperties::default().with_headers(table);
    let funding = fixture.broker.topology().funding();
    let key = bucket("u").to_string();
    fixture.broker.publish(&funding, &key, b"x", marked).await;
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(
        header(&letter, headers::REASON).as_deref(),
        Some("not_json")
    );
    assert_eq!(discarded(&worker, "own_reply"), 2);
    drain(worker).await;
}

async fn query(
    fixture: &Fixture,
    replies: &mut Inbox,
    user_id: Option<&str>,
) -> Result<(), String> {
    let mut properties = replies.reply_properties("q");
    if let Some(user_id) = user_id {
        properties = properties.with_user_id(user_id.into());
    }
    let queries = fixture.broker.topology().queries();
    let body = br#"{"type":"balance","userId":"u"}"#;
    fixture
        .broker
        .publish(&queries, QUERY_KEY, body, properties)
        .await;
    match Reply::from_json(&replies.next().await.data).unwrap() {
        Reply::Answer(answer) => answer.result.map(drop).map_err(|error| error.code),
        other => panic!("not an answer: {other:?}"),
    }
}

/// Conformance: Broker permissions and senders: `senders.answer_bytes_per_second` limits the bytes
/// of query answers for each sender
#[tokio::test]
async fn a_sender_above_its_limit_of_result_bytes_is_refused_and_others_are_not() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let mut options = fixture.options("w");
    // A result counts as at least 256 bytes, so the burst of 16 seconds allows at most 16 results.
    options.senders = Arc::new(SenderPolicy {
        answer_bytes_per_second: 256,
        ..SenderPolicy::default()
    });
    let worker = fixture.worker_with(options).await;
    let mut replies = fixture.broker.replies().await;
    let mut answered = 0;
    let code = loop {
        match query(&fixture, &mut replies, Some("guest")).await {
            Ok(()) => answered += 1,
            Err(code) => break code,
        }
    };
    assert_eq!(code, "too_many_queries");
    assert!((2..=18).contains(&answered), "{answered}");
    assert_eq!(query(&fixture, &mut replies, None).await, Ok(()));
    assert_eq!(worker.watch().snapshot().refused_queries, 1);
    drain(worker).await;
}
