//! Input that cannot be decoded never stops a lane.

use futures_util::StreamExt;
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicPublishOptions},
    types::FieldTable,
};
use producer_sdk::contract::{BUCKETS, Command, Origin, Reply, headers};
use scrip::dead_letters::KEPT_BYTES;
use testkit::broker::{TestBroker, header};

use super::fixture::{FUNDS, Fixture, drain, expect_in_order, in_time, send_spends};

fn nested(depth: usize) -> Vec<u8> {
    let (open, close) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
    format!(r#"{{"type":"consume","referenceId":"r","userId":"u","service":"s","metadata":{open}1{close}}}"#)
        .into()
}

/// Broken bodies with their origins, and the reason and the field that the dead letter must name.
fn broken() -> Vec<(Origin, Vec<u8>, &'static str, Option<&'static str>)> {
    let usage =
        |body: &str, reason, field| (Origin::Usage, body.as_bytes().to_vec(), reason, field);
    let consume = |fields: &str| {
        format!(r#"{{"type":"consume","referenceId":"r","userId":"u","service":"s"{fields}}}"#)
    };
    let many: Vec<String> = (0..1000).map(|n| format!(r#","f{n}":0"#)).collect();
    vec![
        usage("", "not_json", None),
        usage("no json", "not_json", None),
        (Origin::Usage, vec![0xff, 0xfe, 0x00], "not_json", None),
        usage("[1]", "not_an_object", None),
        usage(r#"{"referenceId":"r"}"#, "missing_field", Some("type")),
        usage(
            r#"{"type":"mint","referenceId":"r","userId":"u"}"#,
            "unknown_type",
            Some("type"),
        ),
        usage(r#"{"type":7}"#, "invalid_field", Some("type")),
        usage(
            r#"{"type":"consume","referenceId":"r","service":"s"}"#,
            "missing_field",
            Some("userId"),
        ),
        usage(
            &consume(r#","ammount":5"#),
            "unknown_field",
            Some("ammount"),
        ),
        usage(
            &consume(r#","userId":"v""#),
            "duplicate_field",
            Some("userId"),
        ),
        usage(&consume(r#","amount":-5"#), "invalid_field", Some("amount")),
        usage(&consume(r#","amount":0"#), "invalid_field", Some("amount")),
        usage(
            &consume(r#","amount":1.5"#),
            "invalid_field",
            Some("amount"),
        ),
        usage(
            &consume(r#","amount":"1""#),
            "invalid_field",
            Some("amount"),
        ),
        usage(
            &consume(r#","amount":99999999999999999999999"#),
            "invalid_field",
            Some("amount"),
        ),
        usage(
            &consume(r#","amount":1000000000000001"#),
            "invalid_field",
            Some("amount"),
        ),
        usage(
            &consume(r#","amount":1,"quantity":1"#),
            "invalid_field",
            Some("quantity"),
        ),
        usage(
            r#"{"type":"consume","referenceId":"r","userId":"a\u200bb","service":"s"}"#,
            "invalid_field",
            Some("userId"),
        ),
        usage(
            &consume(&format!(r#","occurredAt":"{}""#, "9".repeat(300))),
            "invalid_field",
            Some("occurredAt"),
        ),
        usage(
            &format!(
                r#"{{"type":"consume","referenceId":"r","userId":"{}","service":"s"}}"#,
                "u".repeat(201)
            ),
            "invalid_field",
            Some("userId"),
        ),
        usage(
            r#"{"type":"consume","referenceId":"r","userId":"a\u0000b","service":"s"}"#,
            "invalid_field",
            Some("userId"),
        ),
        usage(
            r#"{"type":"consume","referenceId":"r\u0007","userId":"u","service":"s"}"#,
            "invalid_field",
            Some("referenceId"),
        ),
        usage(
            r#"{"type":"consume","referenceId":"r","userId":" u","service":"s"}"#,
            "invalid_field",
            Some("userId"),
        ),
        (Origin::Usage, nested(3000), "too_deep", Some("metadata")),
        (Origin::Usage, vec![b' '; 1 << 20], "too_large", None),
        usage(&consume(&many.concat()), "too_many", None),
        usage(
            &consume(&format!(r#","metadata":{{"a":[{}0]}}"#, "0,".repeat(500))),
            "too_many",
            Some("metadata"),
        ),
        (
            Origin::Usage,
            Command::promotion("r", "u", 5).to_json(),
            "forbidden_exchange",
            Some("type"),
        ),
        (
            Origin::Funding,
            Command::consume("r", "u", "s").to_json(),
            "forbidden_exchange",
            Some("type"),
        ),
        (
            Origin::Funding,
            br#"{"type":"expire","referenceId":"r","userId":"u","cutoff":"2026-01-01T00:00:00Z"}"#
                .to_vec(),
            "forbidden_exchange",
            Some("type"),
        ),
    ]
}

/// Conformance: Amounts, time and spending order: Amounts are JSON integers from 1 to 10^15 whole
/// credits; any other value is rejected, not refused
/// Conformance: Refusals and rejections: Commands with a wrong shape or a value out of range are
/// rejected and dead-lettered
/// Conformance: Refusals and rejections: Limits on size, depth and count reject with `too_large`,
/// `too_deep`, `too_many` or `invalid_field`
/// Conformance: Ordering, failures and dead letters: An invalid message is dead-lettered at once
/// with reason, field, origin and its own properties
/// Conformance: Broker permissions and senders: A command on the wrong exchange is rejected
#[tokio::test]
async fn broken_input_becomes_dead_letters_and_valid_commands_are_applied_in_order() {
    let fixture = Fixture::new().await;
    fixture.fund("good").await;
    let mut replies = fixture.broker.replies().await;
    let broken = broken();
    for (n, (origin, body, ..)) in broken.iter().enumerate() {
        send_spends(&fixture, &replies, "good", n..n + 1).await;
        fixture.broker.send_body(*origin, body).await;
    }
    let worker = fixture.worker("w").await;

    let mut dead = fixture.broker.dead_letters().await;
    for (_, body, reason, field) in &broken {
        let letter = dead.next().await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]);
        let kept_length = if *reason == "too_large" {
            KEPT_BYTES
        } else {
            body.len()
        };
        assert_eq!(
            letter.data,
            body[..kept_length],
            "the body is unchanged: {shown}"
        );
        assert_eq!(
            header(&letter, headers::REASON).as_deref(),
            Some(*reason),
            "{shown}"
        );
        assert_eq!(
            header(&letter, headers::FIELD).as_deref(),
            *field,
            "{shown}"
        );
        let error = header(&letter, headers::ERROR).unwrap();
        assert!(!error.is_empty());
        if let Some(field) = field {
            assert!(
                error.contains(field),
                "`{error}` names the field of {shown}"
            );
        }
    }
    expect_in_order(&mut replies, "good", broken.len()).await;
    drain(worker).await;
    assert_eq!(
        fixture
            .broker
            .ready_in(&fixture.broker.topology().dead())
            .await,
        0,
        "there are no other dead letters"
    );
}

/// Conformance: Broker permissions and senders: A body over 64 KiB is kept as its beginning, length
/// and hash, and is not replayed
#[tokio::test]
async fn a_dead_letter_of_a_too_large_body_has_its_beginning_length_and_hash() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    fixture
        .broker
        .send_body(Origin::Usage, &vec![b'a'; 1_000_000])
        .await;
    let letter = fixture.broker.dead_letters().await.next().await;
    assert_eq!(letter.data, vec![b'a'; KEPT_BYTES]);
    assert_eq!(
        header(&letter, headers::BODY_LENGTH).as_deref(),
        Some("1000000")
    );
    assert_eq!(
        header(&letter, headers::BODY_SHA256).as_deref(),
        Some("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    );
    drain(worker).await;
}

/// Conformance: Ordering, failures and dead letters: An invalid message is dead-lettered at once
/// with reason, field, origin and its own properties
#[tokio::test]
async fn a_dead_letter_names_its_source_and_keeps_its_properties() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let properties = BasicProperties::default()
        .with_message_id("m-1".into())
        .with_type("consume".into())
        .with_correlation_id("c-1".into())
        .with_timestamp(1_790_000_000);
    fixture
        .broker
        .publish(&fixture.broker.topology().usage(), "17", b"?", properties)
        .await;

    let letter = fixture.broker.dead_letters().await.next().await;
    let text = |name| header(&letter, name).unwrap();
    assert_eq!(text(headers::EXCHANGE), fixture.broker.topology().usage());
    assert_eq!(text(headers::ROUTING_KEY), "17");
    assert_eq!(text(headers::ORIGIN), "usage");
    assert_eq!(text(headers::ATTEMPT), "0");
    assert!(chrono::DateTime::parse_from_rfc3339(&text(headers::FIRST_SEEN)).is_ok());
    assert!(chrono::DateTime::parse_from_rfc3339(&text(headers::LAST_SEEN)).is_ok());
    let properties = &letter.properties;
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "m-1");
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "consume");
    assert_eq!(
        properties.correlation_id().as_ref().unwrap().as_str(),
        "c-1"
    );
    assert_eq!(*properties.timestamp(), Some(1_790_000_000));
    drain(worker).await;
}

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

#[tokio::test]
async fn a_command_with_a_routing_key_of_no_shard_is_applied() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker("w").await;
    let mut replies = fixture.broker.replies().await;
    let body = Command::registration_bonus("r", "u").to_json();
    fixture
        .broker
        .publish(
            &fixture.broker.topology().funding(),
            "no-bucket",
            &body,
            replies.reply_properties("c"),
        )
        .await;
    assert!(replies.outcome().await.is_completed());
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

#[tokio::test]
async fn queues_of_former_shards_are_served_until_they_are_empty() {
    let former = TestBroker::with_shards(4).await;
    let users: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    let mut replies = former.replies().await;
    for user in &users {
        let command = Command::registration_bonus(format!("r-{user}"), user);
        former
            .send_with(&command, replies.reply_properties("c"))
            .await;
    }
    let fixture = Fixture::on(former).await;
    let mut options = fixture.options("w");
    let namespace = fixture.broker.topology().namespace();
    options.topology = producer_sdk::contract::Topology::new(namespace, 1).unwrap();
    let worker = fixture.worker_with(options).await;
    for _ in &users {
        assert!(replies.outcome().await.is_completed());
    }
    for shard in 0..4 {
        fixture
            .broker
            .wait_for_ready(&fixture.broker.topology().commands(shard), 0)
            .await;
    }
    drain(worker).await;
}

#[tokio::test]
async fn after_a_change_of_the_number_of_shards_each_bucket_is_bound_to_one_shard() {
    let mut broker = TestBroker::with_shards(1).await;
    for shards in [2, 3, 2] {
        broker.reshard(shards).await;
        let topology = broker.topology().clone();
        for bucket in 0..BUCKETS {
            let key = bucket.to_string();
            let exchange = topology.exchange(Origin::Usage);
            broker
                .publish(&exchange, &key, b"{}", BasicProperties::default())
                .await;
        }
        for shard in 0..shards {
            let expected = (0..BUCKETS).filter(|bucket| topology.shard_of(*bucket) == shard);
            let queue = topology.commands(shard);
            broker
                .wait_for_ready(&queue, u32::try_from(expected.count()).unwrap())
                .await;
            broker.purge(&queue).await;
        }
    }
}
