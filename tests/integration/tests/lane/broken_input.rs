//! Input that cannot be decoded never stops a lane.

use lapin::BasicProperties;
use producer_sdk::contract::{Command, Origin, headers};
use scrip::dead_letters::KEPT_BYTES;
use testkit::broker::header;

use super::fixture::{Fixture, drain, expect_in_order, send_spends};

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
