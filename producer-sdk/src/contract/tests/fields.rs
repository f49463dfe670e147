//! The rejections of single fields.

use super::{consume, rejection};
use crate::contract::RejectionCode::{InvalidField, MissingField, TooDeep, TooMany, UnknownField};

fn purchase(rest: &str) -> String {
    format!(r#"{{"type":"purchase","referenceId":"r","userId":"u"{rest}}}"#)
}

fn grant(rest: &str) -> String {
    format!(r#"{{"type":"grant","referenceId":"r","userId":"u"{rest}}}"#)
}

fn subscription(rest: &str) -> String {
    format!(r#"{{"type":"subscription","referenceId":"r","userId":"u"{rest}}}"#)
}

fn freeze(rest: &str) -> String {
    format!(r#"{{"type":"freeze","referenceId":"r","userId":"u"{rest}}}"#)
}

/// Conformance: Amounts, time and spending order: Amounts are JSON integers from 1 to 10^15 whole
/// credits; any other value is rejected, not refused
/// Conformance: Amounts, time and spending order: A `consume` command with both `amount` and
/// `quantity` is rejected
/// Conformance: Refusals and rejections: Limits on size, depth and count reject with `too_large`,
/// `too_deep`, `too_many` or `invalid_field`
#[test]
fn every_invalid_field_is_rejected_with_what_was_found() {
    let s = r#","service":"s""#;
    let cases = [
        (
            consume(&format!(r#"{s},"ammount":5"#)),
            UnknownField,
            "ammount",
            "did you mean `amount`",
        ),
        (
            consume(&format!(r#"{s},"user_id":"u""#)),
            UnknownField,
            "user_id",
            "did you mean `userId`",
        ),
        (
            consume(&format!(r#"{s},"credits":5"#)),
            UnknownField,
            "credits",
            "`quantity`",
        ),
        (
            consume(r#","ammount":5"#),
            UnknownField,
            "ammount",
            "allowed",
        ),
        (consume(""), MissingField, "service", "missing"),
        (
            r#"{"type":"consume","userId":"u","service":"s"}"#.to_owned(),
            MissingField,
            "referenceId",
            "missing",
        ),
        (consume(r#","service":7"#), InvalidField, "service", "got 7"),
        (
            consume(r#","service":null"#),
            InvalidField,
            "service",
            "got null",
        ),
        (
            consume(r#","service":{"a":1}"#),
            InvalidField,
            "service",
            "got an object",
        ),
        (
            consume(r#","service":"\ud800""#),
            InvalidField,
            "service",
            "must be",
        ),
        (
            consume(&format!(r#"{s},"amount":0"#)),
            InvalidField,
            "amount",
            "got 0",
        ),
        (
            consume(&format!(r#"{s},"amount":-5"#)),
            InvalidField,
            "amount",
            "got -5",
        ),
        (
            consume(&format!(r#"{s},"amount":1.5"#)),
            InvalidField,
            "amount",
            "got 1.5",
        ),
        (
            consume(&format!(r#"{s},"amount":1.0"#)),
            InvalidField,
            "amount",
            "got 1.0",
        ),
        (
            consume(&format!(r#"{s},"amount":1e400"#)),
            InvalidField,
            "amount",
            "got 1e400",
        ),
        (
            consume(&format!(r#"{s},"amount":"5""#)),
            InvalidField,
            "amount",
            "got \"5\"",
        ),
        (
            consume(&format!(r#"{s},"amount":null"#)),
            InvalidField,
            "amount",
            "got null",
        ),
        (
            consume(&format!(r#"{s},"amount":true"#)),
            InvalidField,
            "amount",
            "got true",
        ),
        (
            consume(&format!(r#"{s},"amount":1000000000000001"#)),
            InvalidField,
            "amount",
            "1000000000000001",
        ),
        (
            consume(&format!(r#"{s},"amount":99999999999999999999"#)),
            InvalidField,
            "amount",
            "99999999999999999999",
        ),
        (
            consume(&format!(r#"{s},"quantity":-1"#)),
            InvalidField,
            "quantity",
            "got -1",
        ),
        (
            consume(&format!(r#"{s},"amount":1,"quantity":2"#)),
            InvalidField,
            "quantity",
            "only one of them",
        ),
        (
            consume(&format!(r#"{s},"occurredAt":1700000000"#)),
            InvalidField,
            "occurredAt",
            "got 1700000000",
        ),
        (
            consume(&format!(r#"{s},"occurredAt":"yesterday""#)),
            InvalidField,
            "occurredAt",
            "yesterday",
        ),
        (
            consume(&format!(r#"{s},"occurredAt":"2026-11-22T10:00:00""#)),
            InvalidField,
            "occurredAt",
            "offset",
        ),
        (
            consume(&format!(r#"{s},"occurredAt":"0001-01-01T00:00:00Z""#)),
            InvalidField,
            "occurredAt",
            "year 1",
        ),
        (
            consume(&format!(r#"{s},"description":"a\u0000b""#)),
            InvalidField,
            "description",
            "U+0000",
        ),
        (
            consume(&format!(r#"{s},"description":"{}""#, "é".repeat(513))),
            InvalidField,
            "description",
            "1026 bytes",
        ),
        (
            consume(&format!(r#"{s},"metadata":[1]"#)),
            InvalidField,
            "metadata",
            "an array",
        ),
        (
            consume(&format!(r#"{s},"metadata":{{"a":"\u0000"}}"#)),
            InvalidField,
            "metadata",
            "U+0000",
        ),
        (
            consume(&format!(r#"{s},"metadata":{{"a\u0000":[]}}"#)),
            InvalidField,
            "metadata",
            "U+0000",
        ),
        (
            consume(&format!(r#"{s},"metadata":{{"a":1e400}}"#)),
            InvalidField,
            "metadata",
            "out of range",
        ),
        (
            consume(&format!(r#"{s},"metadata":{{"a":"{}"}}"#, "x".repeat(4096))),
            InvalidField,
            "metadata",
            "got 4104 bytes",
        ),
        (
            consume(&format!(
                r#"{s},"metadata":{}1{}"#,
                r#"{"a":"#.repeat(32),
                "}".repeat(32)
            )),
            TooDeep,
            "metadata",
            "32",
        ),
        (
            consume(&format!(
                r#"{s},"metadata":{{"a":[{}0]}}"#,
                "0,".repeat(255)
            )),
            TooMany,
            "metadata",
            "257",
        ),
        (grant(""), MissingField, "reason", "registration_bonus"),
        (grant(r#","reason":"gift""#), InvalidField, "reason", "gift"),
        (
            grant(r#","reason":"yearly_grant""#),
            InvalidField,
            "reason",
            "promotion",
        ),
        (
            grant(r#","reason":"registration_bonus","amount":5"#),
            UnknownField,
            "amount",
            "allowed",
        ),
        (
            grant(r#","reason":"promotion""#),
            MissingField,
            "amount",
            "missing",
        ),
        (
            grant(r#","reason":"promotion","amount":5,"validityDays":36501"#),
            InvalidField,
            "validityDays",
            "36500",
        ),
        (
            purchase(r#","purchaseId":"p""#),
            MissingField,
            "packageId",
            "exactly one",
        ),
        (
            purchase(r#","purchaseId":"p","packageId":"a","priceId":"b""#),
            InvalidField,
            "priceId",
            "exactly",
        ),
        (
            purchase(r#","purchaseId":"p","packageId":"a","validityDays":5"#),
            InvalidField,
            "validityDays",
            "only with `credits`",
        ),
        (
            purchase(r#","packageId":"a""#),
            MissingField,
            "purchaseId",
            "missing",
        ),
        (
            purchase(r#","purchaseId":"p","packageId":"a","amountPaid":9.99"#),
            InvalidField,
            "amountPaid",
            "9.99",
        ),
        (
            purchase(r#","purchaseId":"p","packageId":"a","currency":"usd""#),
            InvalidField,
            "currency",
            "usd",
        ),
        (
            purchase(r#","purchaseId":"p","credits":0"#),
            InvalidField,
            "credits",
            "got 0",
        ),
        (
            grant(r#","reason":"monthly_grant","subscriptionId":"s""#),
            MissingField,
            "periodStart",
            "missing",
        ),
        (
            grant(r#","reason":"monthly_grant","subscriptionId":"s","periodStart":"2026-01-31""#),
            InvalidField,
            "periodStart",
            "2026-01-31",
        ),
        (
            grant(r#","reason":"monthly_grant","amount":5"#),
            UnknownField,
            "amount",
            "allowed",
        ),
        (
            subscription(r#","plan":"pro","status":"active""#),
            MissingField,
            "subscriptionId",
            "missing",
        ),
        (
            subscription(r#","subscriptionId":"s","status":"active""#),
            MissingField,
            "plan",
            "missing",
        ),
        (
            subscription(r#","subscriptionId":"s","plan":"pro""#),
            MissingField,
            "status",
            "past_due",
        ),
        (
            subscription(r#","subscriptionId":"s","plan":"pro","status":"ACTIVE""#),
            InvalidField,
            "status",
            "\"ACTIVE\"",
        ),
        (
            subscription(r#","subscriptionId":"s","plan":"pro","status":"active","anchor":1"#),
            InvalidField,
            "anchor",
            "got 1",
        ),
        (
            subscription(
                r#","subscriptionId":"s","plan":"pro","status":"active","paidThrough":null"#,
            ),
            InvalidField,
            "paidThrough",
            "got null",
        ),
        (
            freeze(r#","actor":"who""#),
            MissingField,
            "reason",
            "missing",
        ),
        (
            freeze(r#","reason":"why""#),
            MissingField,
            "actor",
            "missing",
        ),
        (
            freeze(r#","reason":"why","actor":"who","until":"2027""#),
            UnknownField,
            "until",
            "allowed",
        ),
    ];
    for (body, code, field, says) in cases {
        let rejection = rejection(&body);
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (code, Some(field)),
            "{body}: {rejection}"
        );
        assert!(rejection.message.contains(says), "{body}: {rejection}");
        assert!(
            rejection.message.contains(&format!("`{field}`")),
            "{body}: {rejection}"
        );
    }
}
