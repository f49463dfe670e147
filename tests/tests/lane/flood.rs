//! An app that sends more than it should takes no place that others need.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use lapin::{
    BasicProperties,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};
use producer_sdk::contract::{Command, Door, QUERY_KEY, Reply, bucket, headers};
use scrip::{amqp::Inbound, senders::SenderPolicy};
use tests::broker::{Inbox, header};

use crate::stage::{Stage, drain, in_time};

/// When this many dead letters wait, rejected usage messages are not kept (SEMANTICS.md, "Rejections and dead letters").
const MOST_LETTERS: usize = 10_000;

/// Rejected messages that were not kept for that reason.
fn discarded(worker: &Inbound, reason: &str) -> u64 {
    worker.watch().see().discarded[reason]
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    in_time(what, waited).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_usage_messages_leave_room_for_payments_among_the_dead_letters() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let dead = stage.broker.topology().dead();
    for _ in 0..MOST_LETTERS / 1_000 {
        let letter = || stage.broker.publish("", &dead, b"x", BasicProperties::default());
        join_all((0..1_000).map(|_| letter())).await;
    }
    let mut options = stage.options("w");
    options.look_every = Some(Duration::from_millis(50));
    let worker = stage.worker_with(options).await;
    let waiting = |expected: u64| {
        let queues = worker.watch().see().queues;
        queues.is_some_and(|queues| queues.by_name[&dead].ready == expected)
    };
    until("the worker to count the letters", || waiting(10_000)).await;

    for _ in 0..100 {
        stage.broker.send_body(Door::Usage, b"x").await;
    }
    stage.broker.send_body(Door::Funding, b"x").await;
    let payment = Command::purchase_package("p", "u", "none", "pi_1");
    stage.broker.send(&payment).await;
    let mut replies = stage.broker.replies().await;
    let command = Command::consume("after", "u", "test").amount(1);
    stage.broker.send_with(&command, replies.asking("1")).await;
    assert_eq!(replies.outcome().await.reference_id, "after");

    until("the rejections to be counted", || {
        discarded(&worker, "too_many_letters") == 100
    })
    .await;
    stage.broker.wait_for_ready(&dead, 10_002).await;

    stage.broker.purge(&dead).await;
    until("the worker to see that the letters are gone", || waiting(0)).await;
    stage.broker.send_body(Door::Usage, b"x").await;
    stage.broker.wait_for_ready(&dead, 1).await;
    assert_eq!(discarded(&worker, "too_many_letters"), 100);
    drain(worker).await;
}

/// A queue named by the broker that sends each message on to the usage exchange at once.
async fn reply_queue_into_usage(stage: &Stage) -> String {
    let channel = stage.broker.connection().create_channel().await.unwrap();
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-dead-letter-exchange".into(),
        text(&stage.broker.topology().usage()),
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

#[tokio::test]
async fn replies_that_an_app_sends_back_as_commands_are_not_kept() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let worker = stage.worker("w").await;
    let queue = reply_queue_into_usage(&stage).await;
    let asking = || BasicProperties::default().with_reply_to(queue.as_str().into());
    let queries = stage.broker.topology().queries();
    let body = br#"{"type":"balance","userId":"u"}"#;
    stage.broker.publish(&queries, QUERY_KEY, body, asking()).await;
    let command = Command::consume("c", "u", "test").amount(1);
    stage.broker.send_with(&command, asking()).await;
    until("both replies to come back", || {
        discarded(&worker, "own_reply") == 2
    })
    .await;

    // Through funding only bridges could send it, and a message of theirs is always kept.
    let mut table = FieldTable::default();
    table.insert(headers::REPLY.into(), AMQPValue::Boolean(true));
    let marked = BasicProperties::default().with_headers(table);
    let funding = stage.broker.topology().funding();
    let key = bucket("u").to_string();
    stage.broker.publish(&funding, &key, b"x", marked).await;
    let letter = stage.broker.dead_letters().await.next().await;
    assert_eq!(header(&letter, headers::REASON).as_deref(), Some("not_json"));
    assert_eq!(discarded(&worker, "own_reply"), 2);
    drain(worker).await;
}

async fn ask(stage: &Stage, replies: &mut Inbox, user_id: Option<&str>) -> Result<(), String> {
    let mut asking = replies.asking("q");
    if let Some(user_id) = user_id {
        asking = asking.with_user_id(user_id.into());
    }
    let queries = stage.broker.topology().queries();
    let body = br#"{"type":"balance","userId":"u"}"#;
    stage.broker.publish(&queries, QUERY_KEY, body, asking).await;
    match Reply::from_json(&replies.next().await.data).unwrap() {
        Reply::Answer(answer) => answer.result.map(drop).map_err(|error| error.code),
        other => panic!("not an answer: {other:?}"),
    }
}

#[tokio::test]
async fn a_sender_that_had_its_share_of_answers_is_refused_and_others_are_not() {
    let stage = Stage::new().await;
    stage.fund("u").await;
    let mut options = stage.options("w");
    // An answer counts as 256 bytes at least, so 16 seconds are at most 16 answers.
    options.senders = Arc::new(SenderPolicy {
        answer_bytes_per_second: 256,
        ..SenderPolicy::default()
    });
    let worker = stage.worker_with(options).await;
    let mut replies = stage.broker.replies().await;
    let mut answered = 0;
    let code = loop {
        match ask(&stage, &mut replies, Some("guest")).await {
            Ok(()) => answered += 1,
            Err(code) => break code,
        }
    };
    assert_eq!(code, "too_many_queries");
    assert!((2..=18).contains(&answered), "{answered}");
    assert_eq!(ask(&stage, &mut replies, None).await, Ok(()));
    assert_eq!(worker.watch().see().refused_queries, 1);
    drain(worker).await;
}
