//! The decoding and encoding of messages, and the rejections of invalid bodies.

use chrono::{DateTime, Utc};
use serde_json::json;
use strum::VariantArray;

use super::RejectionCode::{
    DuplicateField, ForbiddenExchange, InvalidField, MissingField, NotAnObject, NotJson, TooDeep,
    TooLarge, TooMany, UnknownField, UnknownType,
};
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[test]
fn every_command_is_read_as_it_was_written() {
    let commands = [
        Command::consume("req-1", "user_1", "google:chat"),
        Command::consume("req-2", "user_1", "google:chat")
            .amount(5)
            .description("two\nlines"),
        Command::consume("req-3", "Zoë 😀", "llm:tokens")
            .quantity(MAX_AMOUNT)
            .occurred_at(at("2026-11-22T10:00:00.123456789Z"))
            .metadata(&json!({"model": "m", "tags": ["a", 1, 2.5, null, {"deep": true}]})),
        Command::registration_bonus("g-1", "user_1"),
        Command::promotion("g-2", "user_1", 50),
        Command::promotion("g-3", "user_1", 50)
            .amount(70)
            .validity_days(14),
        Command::purchase_package("pi_1", "user_1", "lite", "pi_1")
            .paid("9.990", "USD")
            .expect("paid"),
        Command::purchase_price("pi_2", "user_1", "price_1", "pi_2"),
        Command::purchase_credits("pi_3", "user_1", 100, "pi_3").validity_days(MAX_VALIDITY_DAYS),
        Command::purchase_package("pi_4:2", "user_1", "lite", "pi_4").purchase_line("2"),
        Command::subscription(
            "evt_1",
            "user_1",
            "sub_1",
            "pro",
            SubscriptionStatus::PastDue,
        ),
        Command::subscription(
            "evt_2",
            "user_1",
            "sub_1",
            "pro",
            SubscriptionStatus::Active,
        )
        .anchor(at("2026-01-31T09:00:00.123456789Z"))
        .paid_through(at("2026-02-28T09:00:00Z")),
        Command::freeze("f-1", "user_1", "chargeback pi_1", "ops:maria"),
        Command::unfreeze("f-2", "user_1", "won", "ops:maria"),
        Command::monthly_grant("user_1", "sub_1", at("2026-01-31T09:00:00.123456Z")),
        Command::monthly_grant("user_1", "free:user_1", at("2026-02-28T09:00:00Z")),
        Command::expire("e-1", "user_1", at("2026-11-22T10:00:00Z")),
    ];
    for command in commands {
        let body = command.to_json();
        let read = Command::from_json(&body)
            .unwrap_or_else(|rejection| panic!("{command:?}: {rejection}"));
        assert_eq!(read, command);
        assert_eq!(read.to_json(), body);
    }
}

#[test]
fn bodies_are_camel_case_and_leave_out_what_is_absent() {
    let purchase = Command::purchase_package("pi_1", "user_123", "lite", "pi_1")
        .paid("9.99", "USD")
        .expect("paid");
    assert_eq!(
        String::from_utf8(purchase.clone().purchase_line("2").to_json()).expect("text"),
        r#"{"type":"purchase","referenceId":"pi_1","userId":"user_123","packageId":"lite","purchaseId":"pi_1","purchaseLine":"2","amountPaid":"9.99","currency":"USD"}"#
    );
    assert_eq!(
        String::from_utf8(purchase.to_json()).expect("text"),
        r#"{"type":"purchase","referenceId":"pi_1","userId":"user_123","packageId":"lite","purchaseId":"pi_1","amountPaid":"9.99","currency":"USD"}"#
    );
    assert_eq!(
        Query::balance("user_123").to_json(),
        br#"{"type":"balance","userId":"user_123"}"#
    );
}

#[test]
fn field_order_white_space_and_escapes_do_not_matter() {
    let body = br#" { "userId" : "u\u00e9" , "\u0074ype" : "consume" , "service":"s", "referenceId":"r" } "#;
    assert_eq!(
        Command::from_json(body).expect("a command"),
        Command::consume("r", "ué", "s")
    );
}

#[test]
fn instants_are_truncated_to_microseconds_in_utc() {
    let body = br#"{"type":"consume","referenceId":"r","userId":"u","service":"s","occurredAt":"2026-11-22T12:00:00.1234569+02:00"}"#;
    let command = Command::from_json(body).expect("a command");
    assert_eq!(command.occurred_at, Some(at("2026-11-22T10:00:00.123456Z")));
}

#[test]
fn ids_may_contain_any_visible_character() {
    for id in [
        "x",
        "a b",
        "日本語",
        "😀",
        "quote\"back\\slash",
        &"é".repeat(100),
    ] {
        let command = Command::consume(id, id, id);
        assert_eq!(Command::from_json(&command.to_json()).expect(id), command);
    }
}

/// A `consume` with these fields after the ids.
fn consume(rest: &str) -> String {
    format!(r#"{{"type":"consume","referenceId":"r","userId":"u"{rest}}}"#)
}

/// A number of additional fields with different names.
fn many_fields(count: usize) -> String {
    let fields: Vec<String> = (0..count).map(|n| format!(r#","f{n}":0"#)).collect();
    fields.concat()
}

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

fn rejection(body: &str) -> Rejection {
    match Command::from_json(body.as_bytes()) {
        Ok(command) => panic!("{body} was taken as {command:?}"),
        Err(rejection) => rejection,
    }
}

/// Conformance: Refusals and rejections: Limits on size, depth and count reject with `too_large`,
/// `too_deep`, `too_many` or `invalid_field`
/// Conformance: Refusals and rejections: `metadata` with a duplicate key in an object is rejected,
/// at any depth
#[test]
fn invalid_bodies_are_rejected_with_a_code_and_a_field() {
    let deep = format!(
        r#""metadata":{}1{}"#,
        r#"{"a":"#.repeat(3000),
        "}".repeat(3000)
    );
    let cases = [
        (String::new(), NotJson, None),
        ("not json".to_owned(), NotJson, None),
        (r#"{"type":"consume""#.to_owned(), NotJson, None),
        (consume(r#","amount":01"#), NotJson, None),
        (consume(r#","amount":NaN"#), NotJson, None),
        (
            format!("{} trailing", consume(r#","service":"s""#)),
            NotJson,
            None,
        ),
        ("[]".to_owned(), NotAnObject, None),
        ("null".to_owned(), NotAnObject, None),
        (r#""consume""#.to_owned(), NotAnObject, None),
        ("1e400".to_owned(), NotAnObject, None),
        ("[".repeat(3000), TooDeep, None),
        (
            consume(&format!(r#","service":"s",{deep}"#)),
            TooDeep,
            Some("metadata"),
        ),
        (
            consume(&format!(r#","service":"{}""#, "x".repeat(1 << 20))),
            TooLarge,
            None,
        ),
        (consume(&many_fields(MAX_FIELDS - 2)), TooMany, None),
        (
            consume(&many_fields(MAX_FIELDS - 3)),
            UnknownField,
            Some("f0"),
        ),
        (
            consume(r#","service":"s","service":"s""#),
            DuplicateField,
            Some("service"),
        ),
        (
            consume(r#","service":"s","\u0073ervice":"s""#),
            DuplicateField,
            Some("service"),
        ),
        (
            format!("\u{feff}{}", consume(r#","service":"s""#)),
            NotJson,
            None,
        ),
        (
            consume(r#","service":"s","metadata":{"a":"\u0000","a":1}"#),
            DuplicateField,
            Some("metadata"),
        ),
        (
            consume(r#","service":"s","metadata":{"x":[{"y":{"b":1,"\u0062":2}}]}"#),
            DuplicateField,
            Some("metadata"),
        ),
        ("{}".to_owned(), MissingField, Some("type")),
        (r#"{"type":7}"#.to_owned(), InvalidField, Some("type")),
        (r#"{"type":"consum"}"#.to_owned(), UnknownType, Some("type")),
        (
            r#"{"type":"balance","userId":"u"}"#.to_owned(),
            UnknownType,
            Some("type"),
        ),
    ];
    for (body, code, field) in cases {
        let rejection = rejection(&body);
        assert_eq!(
            (rejection.code, rejection.field.as_deref()),
            (code, field),
            "{rejection}"
        );
        assert!(
            rejection.message.contains(" must ") || rejection.message.contains("allowed are"),
            "{rejection}"
        );
    }
    let not_utf8 = Command::from_json(b"{\"type\":\"\xff\"}").expect_err("not UTF-8");
    assert_eq!(not_utf8.code, NotJson);
}

/// Conformance: Refusals and rejections: An `unknown_type` rejection lists the commands that are
/// available to senders
#[test]
fn an_unknown_type_is_rejected_with_the_list_of_commands() {
    for name in ["expir", "mint", "monthly_grant"] {
        let rejection = rejection(&format!(
            r#"{{"type":"{name}","referenceId":"r","userId":"u"}}"#
        ));
        assert_eq!(rejection.code, UnknownType);
        let start = concat!(
            r#"`type` must be one of "consume", "grant", "purchase", "subscription", "#,
            r#""freeze", "unfreeze", got"#,
        );
        assert!(rejection.message.starts_with(start), "{rejection}");
        assert!(
            !rejection.message.contains("did you mean `expire`"),
            "{rejection}"
        );
    }
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

#[test]
fn ids_with_invisible_characters_are_refused() {
    for id in [
        "",
        " u",
        "u ",
        "u\u{a0}",
        "u\nv",
        "u\0v",
        "u\u{7f}",
        "u\u{85}v",
        "u\u{ad}v",
        "u\u{200b}v",
        "u\u{202e}v",
        "\u{feff}u",
        "u\u{2066}v",
        "u\u{a0}v",
        "u\u{1680}v",
        "u\u{2009}v",
        "u\u{2028}v",
        "u\u{2029}v",
        "u\u{3000}v",
        "u\u{34f}v",
        "u\u{115f}v",
        "u\u{1160}v",
        "u\u{17b4}v",
        "\u{3164}",
        "u\u{fe0f}v",
        "u\u{ffa0}v",
        "u\u{e0100}v",
        "u\u{e0fff}v",
        // Blank symbols.
        "u\u{2800}v",
        "\u{fffc}",
        // Private use, in the basic plane and in the two private planes.
        "u\u{e000}v",
        "u\u{f8ff}v",
        "u\u{f0000}v",
        "u\u{10fffd}v",
        // Noncharacters.
        "u\u{fdd0}v",
        "u\u{ffff}v",
        "u\u{10ffff}v",
        // Not assigned.
        "u\u{378}v",
        "u\u{2fe0}v",
        "u\u{50000}v",
        &"x".repeat(201),
        &"é".repeat(101),
    ] {
        for (field, command) in [
            ("referenceId", Command::consume(id, "u", "s")),
            ("userId", Command::consume("r", id, "s")),
            ("service", Command::consume("r", "u", id)),
            ("purchaseId", Command::purchase_credits("r", "u", 1, id)),
            (
                "purchaseLine",
                Command::purchase_credits("r", "u", 1, "p").purchase_line(id),
            ),
        ] {
            let rejection = Command::from_json(&command.to_json()).expect_err(id);
            assert_eq!(
                (rejection.code, rejection.field.as_deref()),
                (InvalidField, Some(field))
            );
            assert!(
                !rejection.message.chars().any(is_invisible),
                "{:?}",
                rejection.message
            );
            assert_eq!(command.check(), Err(rejection));
        }
    }
}

#[test]
fn letters_and_emoji_of_all_scripts_are_accepted_without_ignorable_characters() {
    for id in [
        "Jörg Müller",
        "e\u{301}",
        "नमस्ते",
        "สวัสดี",
        "שָׁלוֹם",
        "مرحبا",
        "漢字かな한글",
        "\u{20bb7}",
        "𐍈",
        "😀",
        "👍🏽",
        "🇩🇪",
        "\u{fffd}",
        "\u{2801}",
        "\u{1fae9}",
        "½²№€",
    ] {
        let command = Command::consume(id, id, "s");
        assert_eq!(
            Command::from_json(&command.to_json()).as_ref(),
            Ok(&command),
            "{id}"
        );
    }
    // A variation selector, a zero width joiner.
    for id in ["❤\u{fe0f}", "👩\u{200d}💻"] {
        let command = Command::consume(id, "u", "s");
        assert_eq!(
            command.check().map_err(|rejection| rejection.code),
            Err(InvalidField)
        );
    }
}

#[test]
fn thirty_two_levels_are_allowed_and_brackets_in_strings_do_not_count() {
    let metadata = format!("{}1{}", r#"{"a":"#.repeat(31), "}".repeat(31));
    let body = consume(&format!(r#","service":"s","metadata":{metadata}"#));
    assert!(Command::from_json(body.as_bytes()).is_ok());
    let brackets = format!(r#"{}\"{}"#, "[".repeat(70), "{".repeat(70));
    let body = consume(&format!(r#","service":"{brackets}""#));
    assert!(Command::from_json(body.as_bytes()).is_ok());
}

#[test]
fn a_setter_without_a_field_is_reported_not_dropped() {
    let rejection = Command::registration_bonus("r", "u")
        .quantity(5)
        .check()
        .expect_err("misplaced");
    assert_eq!(
        (rejection.code, rejection.field.as_deref()),
        (UnknownField, Some("quantity"))
    );
}

#[test]
fn producers_cannot_change_the_workers_own_subscriptions() {
    let status = SubscriptionStatus::Canceled;
    let rejection = Command::subscription("r", "u", "free:u", "free", status)
        .check()
        .expect_err("the worker's own");
    assert_eq!(
        (rejection.code, rejection.field.as_deref()),
        (InvalidField, Some("subscriptionId"))
    );
}

/// Conformance: Commands: A monthly `grant` command is accepted only from the origin `internal`
#[test]
fn each_command_has_one_origin() {
    let day = at("2026-11-22T00:00:00Z");
    let active = SubscriptionStatus::Active;
    let commands = [
        (Command::consume("r", "u", "s"), Origin::Usage),
        (Command::registration_bonus("r", "u"), Origin::Funding),
        (Command::promotion("r", "u", 1), Origin::Funding),
        (Command::purchase_credits("r", "u", 1, "p"), Origin::Funding),
        (
            Command::subscription("r", "u", "sub_1", "pro", active),
            Origin::Funding,
        ),
        (Command::freeze("r", "u", "why", "who"), Origin::Funding),
        (Command::unfreeze("r", "u", "why", "who"), Origin::Funding),
        (Command::monthly_grant("u", "sub_1", day), Origin::Internal),
        (Command::expire("r", "u", day), Origin::Internal),
    ];
    for &kind in Kind::VARIANTS {
        assert!(
            commands.iter().any(|(command, _)| command.kind() == kind),
            "{kind:?}"
        );
    }
    for (command, own) in commands {
        let read = Command::from_json(&command.to_json()).expect("a command");
        for &origin in Origin::VARIANTS {
            for command in [&command, &read] {
                assert_eq!(
                    command.check_origin(origin).is_ok(),
                    origin == own,
                    "{command:?} by {origin:?}"
                );
            }
        }
    }
    let rejection = Command::promotion("r", "u", 1)
        .check_origin(Origin::Usage)
        .expect_err("wrong origin");
    assert_eq!(rejection.code, ForbiddenExchange);
}

#[test]
fn replies_are_read_as_they_were_written() {
    let outcome = Outcome {
        reference_id: "r".to_owned(),
        kind: "consume".to_owned(),
        user_id: "u".to_owned(),
        status: Status::Failed,
        replayed: false,
        amount: Some(0),
        balance: Some(3),
        available: None,
        transactions: Vec::new(),
        allocations: Vec::new(),
        granted: None,
        clipped: None,
        over_cap: None,
        default_price: Some(true),
        skipped: None,
        stale: None,
        error: Some(OutcomeError {
            code: "insufficient_credits".to_owned(),
            message: "5 needed, 3 there".to_owned(),
            required: Some(5),
            available: Some(3),
            first_reference_id: Some("evt_1".to_owned()),
            first_transaction_id: Some(uuid::Uuid::from_u128(7)),
        }),
    };
    let balance = BalanceResult {
        user_id: "u".to_owned(),
        available_credits: 1,
        balance: 2,
        held: 0,
        total_earned: 3,
        total_spent: 1,
        status: "ACTIVE".to_owned(),
        next_expiring_batch: Some(ExpiringBatch {
            amount: 1,
            expires_at: at("2026-11-22T10:00:00Z"),
        }),
        next_grant_info: None,
        version: 1,
    };
    for reply in [
        Reply::Outcome(outcome),
        Reply::Answer(Answer::ok("balance", &balance)),
        Reply::Answer(Answer::error("balance", "wallet_not_found", "no wallet")),
        Reply::Rejected(rejection("{}")),
    ] {
        assert_eq!(Reply::from_json(&reply.to_json()).expect("readable"), reply);
    }
    assert!(Reply::from_json(b"{}").is_err());
}

#[test]
fn a_rejected_reply_has_the_documented_shape_and_new_codes_can_be_read() {
    let reply = Reply::Rejected(rejection("{}"));
    let value: serde_json::Value = serde_json::from_slice(&reply.to_json()).expect("json");
    assert_eq!(value["status"], "rejected");
    assert_eq!(value["error"]["code"], "missing_field");
    assert_eq!(value["error"]["field"], "type");
    let newer = br#"{"status":"rejected","error":{"code":"too_new","message":"m"}}"#;
    let Ok(Reply::Rejected(rejection)) = Reply::from_json(newer) else {
        panic!("not read")
    };
    assert_eq!(rejection.code, RejectionCode::Unknown);
}

#[test]
fn every_bucket_of_every_origin_is_bound_to_one_shard() {
    let topology = Topology::new("credits", 3).expect("valid");
    let bindings = topology.bindings();
    for &origin in Origin::VARIANTS {
        for number in 0..BUCKETS {
            let bound: Vec<&Binding> = bindings
                .iter()
                .filter(|b| {
                    b.exchange == topology.exchange(origin) && b.routing_key == number.to_string()
                })
                .collect();
            assert_eq!(bound.len(), 1);
            assert_eq!(bound[0].queue, format!("credits.commands.{}", number % 3));
        }
    }
    let queues: Vec<String> = topology
        .queues()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    let exchanges: Vec<String> = topology
        .exchanges()
        .into_iter()
        .map(|exchange| exchange.name)
        .collect();
    assert!(
        bindings
            .iter()
            .all(|b| queues.contains(&b.queue) && exchanges.contains(&b.exchange))
    );
}

#[test]
fn every_queue_of_commands_has_a_delivery_limit() {
    let topology = Topology::new("credits", 2).expect("valid");
    for queue in topology.queues() {
        let argument = |name: &str| queue.args.iter().find(|(key, _)| key == name);
        assert_eq!(
            argument("x-delivery-limit").is_some(),
            queue.name != topology.delay() && queue.name != topology.queries(),
            "{}",
            queue.name
        );
    }
}

#[test]
fn namespaces_and_shards_have_limits() {
    for namespace in ["", "UPPER", "a b", "a/b", "a.reply", &"x".repeat(65)] {
        assert!(Topology::new(namespace, 1).is_err(), "{namespace}");
    }
    assert!(Topology::new("test-0", 0).is_err());
    assert!(Topology::new("test-0", 65).is_err());
    assert_eq!(
        Topology::new("a.b", 64)
            .expect("valid")
            .origin_of("a.b.usage"),
        Some(Origin::Usage)
    );
}

#[test]
fn queries_and_the_workers_own_commands_accept_ids_older_than_the_rule() {
    for id in [
        "u\u{a0}v",
        "u\u{2028}v",
        "\u{3164}",
        "u\u{fe0f}v",
        "u\u{2800}v",
        "u\u{fffc}v",
        "u\u{e000}v",
        "u\u{fdd0}v",
        "u\u{378}v",
    ] {
        for query in [
            Query::balance(id),
            Query::Batches {
                user_id: id.to_owned(),
                all: true,
            },
            Query::Transactions {
                user_id: id.to_owned(),
                page_index: None,
                page_size: None,
                cursor: None,
            },
        ] {
            assert_eq!(Query::from_json(&query.to_json()), Ok(query));
        }
        let expire = Command::expire(format!("expire:{id}"), id, Utc::now());
        assert_eq!(expire.check(), Ok(()), "{id:?}");
        let consume = Command::consume("r", id, "s");
        assert!(consume.check().is_err(), "{id:?}");
    }
    for id in ["u\u{200b}v", "u\u{85}v", " u"] {
        assert!(Query::balance(id).check().is_err(), "{id:?}");
        assert!(
            Command::expire("e", id, Utc::now()).check().is_err(),
            "{id:?}"
        );
    }
    let visible = ["Ada Lovelace", "user_1", "Grüße", "世界", "😀", "a\u{301}"];
    for id in visible {
        assert_eq!(Command::consume(id, id, id).check(), Ok(()), "{id:?}");
    }
}
