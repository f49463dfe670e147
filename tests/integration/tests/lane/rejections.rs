//! Replies to commands and queries that are rejected or cannot be applied.

use futures_util::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicPublishOptions},
    types::FieldTable,
};
use producer_sdk::contract::{Command, Reply, headers};
use testkit::broker::header;

use super::fixture::{FUNDS, Fixture, drain, in_time};

/// Conformance: Refusals and rejections: Commands with a wrong shape or a value out of range are
/// rejected and dead-lettered
#[tokio::test]
async fn a_rejection_is_sent_to_the_reply_queue() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let body = br#"{"type":"consume","referenceId":"r","userId":"u","service":"s","amount":-5}"#;
    fixture
        .broker
        .publish(
            &fixture.broker.topology().usage(),
            "0",
            body,
            replies.reply_properties("c-9"),
        )
        .await;

    let message = replies.next().await;
    assert_eq!(
        message
            .properties
            .correlation_id()
            .as_ref()
            .unwrap()
            .as_str(),
        "c-9"
    );
    match Reply::from_json(&message.data).unwrap() {
        Reply::Rejected(rejection) => assert_eq!(rejection.field.as_deref(), Some("amount")),
        other => panic!("not rejected: {other:?}"),
    }
    drain(worker).await;
}

#[tokio::test]
async fn a_requester_may_use_direct_reply_to() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let channel = fixture.broker.connection().create_channel().await.unwrap();
    let direct = "amq.rabbitmq.reply-to";
    let unacknowledged = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut replies = channel
        .basic_consume(
            direct.into(),
            "".into(),
            unacknowledged,
            FieldTable::default(),
        )
        .await
        .unwrap();
    let command = Command::registration_bonus("r", "u");
    let properties = BasicProperties::default().with_reply_to(direct.into());
    let exchange = fixture.broker.topology().funding();
    channel
        .basic_publish(
            exchange.into(),
            "0".into(),
            BasicPublishOptions::default(),
            &command.to_json(),
            properties,
        )
        .await
        .unwrap();
    let reply = in_time("a reply", replies.next()).await.unwrap().unwrap();
    let reply = Reply::from_json(&reply.data).unwrap();
    assert!(matches!(reply, Reply::Outcome(outcome) if outcome.is_completed()));
    drain(worker).await;
}

#[tokio::test]
async fn a_command_that_bypasses_the_exchanges_is_forbidden() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let command = Command::promotion("r", "u", 5).to_json();
    fixture
        .broker
        .publish(
            "",
            &fixture.commands_queue(),
            &command,
            BasicProperties::default(),
        )
        .await;
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(
        header(&letter, headers::REASON).unwrap(),
        "forbidden_exchange"
    );
    drain(worker).await;
}

/// Conformance: Commands: Only `duplicate_payment` refuses a purchase; other failures become dead
/// letters `unapplied:{code}`, credited once fixed
#[tokio::test]
async fn a_purchase_that_cannot_be_applied_gets_a_reply_and_is_dead_lettered() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let purchase = Command::purchase_package("r", "u", "no-such-package", "p");
    fixture
        .broker
        .send_with(&purchase, replies.reply_properties("c"))
        .await;
    let outcome = replies.outcome().await;
    assert_eq!(outcome.error_code(), Some("unknown_package"));
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(
        header(&letter, headers::REASON).unwrap(),
        "unapplied:unknown_package"
    );
    assert_eq!(letter.data, purchase.to_json());
    drain(worker).await;
}

/// Conformance: Queries and Redis: The `balance` query returns the balance or `wallet_not_found`;
/// invalid queries are rejected
#[tokio::test]
async fn queries_get_results_and_broken_queries_are_rejected() {
    let fixture = Fixture::new().await;
    fixture.fund("u").await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let queries = fixture.broker.topology().queries();
    for (n, body) in [
        r#"{"type":"balance","userId":"u"}"#,
        r#"{"type":"balance","userId":"nobody"}"#,
        r#"{"type":"balance"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        fixture
            .broker
            .publish(
                &queries,
                "query",
                body.as_bytes(),
                replies.reply_properties(&n.to_string()),
            )
            .await;
        match (n, replies.reply().await) {
            (0, Reply::Answer(answer)) => {
                assert_eq!(answer.result.unwrap()["availableCredits"], FUNDS);
            }
            (1, Reply::Answer(answer)) => {
                assert_eq!(answer.result.unwrap_err().code, "wallet_not_found");
            }
            (2, Reply::Rejected(rejection)) => {
                assert_eq!(rejection.field.as_deref(), Some("userId"));
            }
            (_, other) => panic!("{body}: {other:?}"),
        }
    }
    drain(worker).await;
}
