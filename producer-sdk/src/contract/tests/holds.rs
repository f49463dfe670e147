//! The commands `hold`, `capture` and `release`.

use super::{at, rejection};
use crate::contract::RejectionCode::{ForbiddenExchange, InvalidField, MissingField, UnknownField};
use crate::contract::*;

fn of(kind: &str, rest: &str) -> String {
    format!(r#"{{"type":"{kind}","referenceId":"r","userId":"u"{rest}}}"#)
}

#[test]
fn holds_are_written_in_the_order_of_the_documentation() {
    let hold = Command::hold("call-1", "user_123", "llm:tokens")
        .quantity(4_000)
        .expires_in_seconds(300);
    assert_eq!(
        String::from_utf8(hold.to_json()).expect("text"),
        r#"{"type":"hold","referenceId":"call-1","userId":"user_123","service":"llm:tokens","quantity":4000,"expiresInSeconds":300}"#
    );
    let capture = Command::capture("call-1:1", "user_123", "call-1")
        .quantity(1_234)
        .is_final(false)
        .overrun(Overrun::Cap)
        .late(Late::Reject);
    assert_eq!(
        String::from_utf8(capture.to_json()).expect("text"),
        r#"{"type":"capture","referenceId":"call-1:1","userId":"user_123","hold":"call-1","quantity":1234,"final":false,"overrun":"cap","late":"reject"}"#
    );
    let release = Command::release("call-1:release", "user_123", "call-1");
    assert_eq!(
        String::from_utf8(release.to_json()).expect("text"),
        r#"{"type":"release","referenceId":"call-1:release","userId":"user_123","hold":"call-1"}"#
    );
}

#[test]
fn every_invalid_field_of_a_hold_is_rejected() {
    let s = r#","service":"s""#;
    let cases = [
        ("hold", String::new(), MissingField, "service", "missing"),
        (
            "hold",
            format!(r#"{s},"amount":0"#),
            InvalidField,
            "amount",
            "got 0",
        ),
        (
            "hold",
            format!(r#"{s},"amount":1,"quantity":1"#),
            InvalidField,
            "quantity",
            "only one of them",
        ),
        (
            "hold",
            format!(r#"{s},"expiresInSeconds":0"#),
            InvalidField,
            "expiresInSeconds",
            "from 1 to 2592000",
        ),
        (
            "hold",
            format!(r#"{s},"expiresInSeconds":2592001"#),
            InvalidField,
            "expiresInSeconds",
            "got 2592001",
        ),
        (
            "hold",
            format!(r#"{s},"expiresAt":"tomorrow""#),
            InvalidField,
            "expiresAt",
            "tomorrow",
        ),
        (
            "hold",
            format!(r#"{s},"expiresAt":"2026-11-22T10:00:00Z","expiresInSeconds":5"#),
            InvalidField,
            "expiresInSeconds",
            "only one of them",
        ),
        (
            "hold",
            format!(r#"{s},"hold":"h""#),
            UnknownField,
            "hold",
            "allowed",
        ),
        ("capture", String::new(), MissingField, "hold", "missing"),
        (
            "capture",
            r#","hold":"h","service":"s""#.to_owned(),
            UnknownField,
            "service",
            "allowed",
        ),
        (
            "capture",
            r#","hold":"""#.to_owned(),
            InvalidField,
            "hold",
            "empty string",
        ),
        (
            "capture",
            r#","hold":"h","amount":1,"quantity":2"#.to_owned(),
            InvalidField,
            "quantity",
            "only one of them",
        ),
        (
            "capture",
            r#","hold":"h","final":"no""#.to_owned(),
            InvalidField,
            "final",
            "true or false",
        ),
        (
            "capture",
            r#","hold":"h","overrun":"Cap""#.to_owned(),
            InvalidField,
            "overrun",
            r#""spend", "cap" or "reject""#,
        ),
        (
            "capture",
            r#","hold":"h","late":"never""#.to_owned(),
            InvalidField,
            "late",
            r#""consume" or "reject""#,
        ),
        ("release", String::new(), MissingField, "hold", "missing"),
        (
            "release",
            r#","hold":"h","amount":1"#.to_owned(),
            UnknownField,
            "amount",
            "allowed",
        ),
    ];
    for (kind, rest, code, field, says) in cases {
        let body = of(kind, &rest);
        let rejection = rejection(&body);
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (code, Some(field)),
            "{body}: {rejection}"
        );
        assert!(rejection.message.contains(says), "{body}: {rejection}");
    }
}

/// Conformance: Commands: `hold`, `capture` and `release` are accepted from the origins `usage` and
/// `funding`
#[test]
fn holds_are_sent_by_apps_and_by_support_staff() {
    for command in [
        Command::hold("r", "u", "s"),
        Command::capture("r", "u", "h"),
        Command::release("r", "u", "h"),
    ] {
        assert_eq!(command.origin(), Origin::Usage);
        let by_staff = command.clone().through(Origin::Funding);
        assert_eq!(by_staff.origin(), Origin::Funding);
        by_staff.check().expect("allowed");
        assert_eq!(by_staff.to_json(), command.to_json());
        let by_jobs = command.through(Origin::Internal).check();
        let rejection = by_jobs.expect_err("not allowed");
        assert_eq!(rejection.code, ForbiddenExchange);
        assert!(
            rejection
                .message
                .contains("the exchange for usage or funding, got"),
            "{rejection}"
        );
    }
    let consume = Command::consume("r", "u", "s").through(Origin::Funding);
    assert_eq!(
        consume.check().expect_err("not allowed").code,
        ForbiddenExchange
    );
}

#[test]
fn setters_of_holds_are_reported_on_other_commands() {
    let day = at("2026-11-22T00:00:00Z");
    let consume = || Command::consume("r", "u", "s");
    for (command, field) in [
        (consume().expires_at(day), "expiresAt"),
        (consume().expires_in_seconds(1), "expiresInSeconds"),
        (consume().is_final(true), "final"),
        (consume().overrun(Overrun::Cap), "overrun"),
        (consume().late(Late::Reject), "late"),
        (Command::release("r", "u", "h").amount(1), "amount"),
    ] {
        let rejection = command.check().expect_err("misplaced");
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (UnknownField, Some(field))
        );
    }
}
