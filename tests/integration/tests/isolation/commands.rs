//! Hostile messages through the exchanges and queues of commands.

use producer_sdk::contract::{Origin, headers};
use serde_json::json;
use testkit::raw_amqp::{RawProperties, nested};

use crate::{
    attacker::Attacker,
    case::{Case, Expected, MALLORY, Size},
    fixture::Fixture,
};

/// Two bytes that no text in UTF-8 contains.
pub const NOT_UTF8: [u8; 2] = [0xff, 0xfe];

/// The short strings that the broker passes on unchanged, with their names in a dead letter.
pub const TEXTS: [(&str, u16); 8] = [
    ("content_type", RawProperties::CONTENT_TYPE),
    ("content_encoding", RawProperties::CONTENT_ENCODING),
    ("correlation_id", RawProperties::CORRELATION_ID),
    ("reply_to", RawProperties::REPLY_TO),
    ("message_id", RawProperties::MESSAGE_ID),
    ("type", RawProperties::TYPE),
    ("app_id", RawProperties::APP_ID),
    ("cluster_id", RawProperties::CLUSTER_ID),
];

/// A direct reply-to in the format of RabbitMQ, of a node that this broker does not know.
const UNKNOWN_NODE: &str =
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA==";

/// Values of `reply_to` to which no reply can be sent, with the text in the worker's log.
pub fn reply_tos(fixture: &Fixture) -> Vec<(&'static str, String, Option<&'static str>)> {
    let unusable = Some("reply cannot be sent");
    vec![
        (
            "no base64",
            "amq.rabbitmq.reply-to.!!!!.x".to_owned(),
            unusable,
        ),
        (
            "half a process",
            "amq.rabbitmq.reply-to.g1h2.x".to_owned(),
            unusable,
        ),
        (
            "no key",
            "amq.rabbitmq.reply-to.g1h2AA5yZXBs".to_owned(),
            unusable,
        ),
        (
            "nothing behind the dot",
            "amq.rabbitmq.reply-to.".to_owned(),
            unusable,
        ),
        ("the longest", "x".repeat(255), unusable),
        ("the dead-letter queue", fixture.topology.dead(), unusable),
        ("a command queue", fixture.topology.commands(0), unusable),
        ("an unknown node", UNKNOWN_NODE.to_owned(), None),
        (
            "a queue that does not exist",
            "amq.gen-none".to_owned(),
            None,
        ),
    ]
}

/// All kinds of messages that an app can send through the exchanges and queues of commands.
pub fn cases(fixture: &Fixture, attacker: &Attacker<'_>) -> Vec<Case> {
    let mut all = unreadable(fixture, &fixture.topology.usage());
    for case in &mut all {
        if case.expected == Expected::Dropped {
            let error = case.logged.take().unwrap_or_default();
            case.expected = Expected::DeadLetter {
                reason: "unreadable_properties",
                error: error.to_owned(),
                by_worker: true,
            };
        }
    }
    all.push(
        Case::new("a routing key that is not UTF-8", fixture.topology.usage())
            .routing_key(&NOT_UTF8)
            .dead_letter("unreadable_properties", "the routing key must be UTF-8"),
    );
    for (name, reply_to, logged) in reply_tos(fixture) {
        let mut case = Case::new(
            format!("a command with reply_to: {name}"),
            fixture.topology.usage(),
        )
        .property(RawProperties::REPLY_TO, reply_to);
        case.logged = logged;
        all.push(case);
    }
    all.push(
        Case::new(
            "a command with reply_to: an unread queue",
            fixture.topology.usage(),
        )
        .property(RawProperties::REPLY_TO, attacker.unread.clone()),
    );
    all.extend(bodies(fixture));
    all.extend(exchanges(fixture));
    all.extend(forged(fixture));
    all
}

/// Messages whose properties the AMQP library cannot decode or the broker refuses. `logged` is the
/// error that a worker logs.
pub fn unreadable(fixture: &Fixture, exchange: &str) -> Vec<Case> {
    let kind = if exchange == fixture.topology.queries() {
        "a query"
    } else {
        "a command"
    };
    let new = |name: &str| {
        let case = Case::new(format!("{kind} with {name}"), exchange.to_owned());
        if exchange == fixture.topology.queries() {
            case.routing_key(producer_sdk::contract::QUERY_KEY.as_bytes())
        } else {
            case
        }
        .expected(Expected::Dropped)
    };
    let mut all: Vec<Case> = TEXTS
        .iter()
        .map(|(property, flag)| {
            new(&format!("a {property} that is not UTF-8"))
                .property(*flag, NOT_UTF8)
                .logged("must be UTF-8")
        })
        .collect();
    for (property, flag) in [
        ("expiration", RawProperties::EXPIRATION),
        ("user_id", RawProperties::USER_ID),
    ] {
        let case = new(&format!("a {property} that is not UTF-8"));
        all.push(
            case.property(flag, NOT_UTF8)
                .expected(Expected::RefusedByBroker),
        );
    }
    all.push(
        new("the user_id of another")
            .property(RawProperties::USER_ID, *b"bridge")
            .expected(Expected::RefusedByBroker),
    );
    let key = [&[2][..], &NOT_UTF8, b"V"].concat();
    all.push(
        new("a key in the headers that is not UTF-8")
            .property(RawProperties::HEADERS, key)
            .logged("a key in the headers must be UTF-8"),
    );
    all.push(
        new("arrays nested 20,000 deep")
            .property(RawProperties::HEADERS, nested(20_000))
            .logged("nested at most 32 deep"),
    );
    // A broker accepts frames that are 8 bytes larger than the limit that it announces.
    all.push(
        new("an oversized header")
            .size(Size::LargestFrameAnd(8))
            .logged("bytes long, got"),
    );
    all.push(
        new("a header that the broker's reply queue lengthens")
            .size(Size::LargestFrameAnd(0))
            .awaiting_direct_replies()
            .logged("bytes long, got"),
    );
    all
}

fn bodies(fixture: &Fixture) -> Vec<Case> {
    let usage = fixture.topology.usage();
    let consume = |more: &'static str| {
        move |reference: &str| {
            format!(
                r#"{{"type":"consume","referenceId":"{reference}","userId":"{MALLORY}","service":"s","amount":1{more}}}"#
            )
        }
    };
    let deep = format!(
        r#","metadata":{{"k":{}1{}}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    let deep: &'static str = deep.leak();
    let many = format!(r#","metadata":{}"#, json!({ "k": vec![0; 1000] }));
    let many: &'static str = many.leak();
    let new = |name: &str| Case::new(name, usage.clone());
    vec![
        new("a body of 65 KiB").body(|_| vec![b'x'; 65 << 10]).dead_letter("too_large", ""),
        new("a body of 1 MiB").body(|_| vec![b' '; 1 << 20]).dead_letter("too_large", ""),
        new("an empty body").body(|_| Vec::new()).dead_letter("not_json", ""),
        new("random bytes")
            .body(|_| (0..=255).cycle().skip(7).take(5_000).collect())
            .dead_letter("not_json", ""),
        new("half a command")
            .text(|_| r#"{"type":"consume","referenceId""#.to_owned())
            .dead_letter("not_json", ""),
        new("an array").text(|_| "[1,2,3]".to_owned()).dead_letter("not_an_object", ""),
        new("arrays in metadata, 64 deep").text(consume(deep)).dead_letter("too_deep", ""),
        new("a thousand values in metadata").text(consume(many)).dead_letter("too_many", ""),
        new("a field twice")
            .text(consume(r#","amount":2"#))
            .dead_letter("duplicate_field", ""),
        new("an unknown field")
            .text(consume(r#","amout":2"#))
            .dead_letter("unknown_field", "amout"),
        new("an unknown type")
            .text(|reference| format!(r#"{{"type":"mint","referenceId":"{reference}","userId":"{MALLORY}"}}"#))
            .dead_letter("unknown_type", ""),
        new("a missing field")
            .text(|reference| format!(r#"{{"type":"consume","referenceId":"{reference}","userId":"{MALLORY}"}}"#))
            .dead_letter("missing_field", "service"),
        new("an invalid amount")
            .text(|reference| {
                format!(
                    r#"{{"type":"consume","referenceId":"{reference}","userId":"{MALLORY}","service":"s","amount":-1}}"#
                )
            })
            .dead_letter("invalid_field", "amount"),
    ]
}

fn promotion(reference: &str) -> String {
    format!(
        r#"{{"type":"grant","reason":"promotion","referenceId":"{reference}","userId":"{MALLORY}","amount":1000}}"#
    )
}

fn exchanges(fixture: &Fixture) -> Vec<Case> {
    let topology = &fixture.topology;
    let mut all = vec![
        Case::new("a grant on the exchange of apps", topology.usage())
            .text(promotion)
            .dead_letter("forbidden_exchange", ""),
        Case::new("a freeze on the exchange of apps", topology.usage())
            .text(|reference| {
                format!(
                    r#"{{"type":"freeze","referenceId":"{reference}","userId":"innocent-1","reason":"r","actor":"a"}}"#
                )
            })
            .dead_letter("forbidden_exchange", ""),
    ];
    for origin in [Origin::Funding, Origin::Internal] {
        all.push(
            Case::new(
                format!("a grant on the exchange {}", origin.as_str()),
                topology.exchange(origin),
            )
            .text(promotion)
            .expected(Expected::RefusedByBroker),
        );
    }
    for queue in [topology.commands(0), topology.dead(), topology.jobs()] {
        all.push(
            Case::new(
                format!("the queue {queue} by the default exchange"),
                String::new(),
            )
            .routing_key(queue.as_bytes())
            .text(promotion)
            .expected(Expected::RefusedByBroker),
        );
    }
    all
}

/// Messages with headers that only workers and the broker write.
fn forged(fixture: &Fixture) -> Vec<Case> {
    let text = |name: &str, value: &str| {
        let length = u32::try_from(value.len()).expect("short").to_be_bytes();
        [&key(name)[..], b"S", &length, value.as_bytes()].concat()
    };
    let number = |name: &str, value: i64| [&key(name)[..], b"l", &value.to_be_bytes()].concat();
    let earlier = [
        text(headers::ORIGIN, "funding"),
        text(headers::EXCHANGE, &fixture.topology.funding()),
        text(headers::FIRST_SEEN, "2020-01-01T00:00:00Z"),
        number(headers::ATTEMPT, 3),
    ]
    .concat();
    let new = |name: &str| Case::new(name, fixture.topology.usage());
    vec![
        new("forged headers of a delayed grant")
            .property(RawProperties::HEADERS, earlier)
            .text(promotion)
            .dead_letter("forbidden_exchange", ""),
        new("a forged delivery count")
            .property(RawProperties::HEADERS, number("x-delivery-count", 1000)),
        new("a forged death").property(
            RawProperties::HEADERS,
            text("x-first-death-reason", "expired"),
        ),
        new("a forged note of unreadable properties")
            .property(RawProperties::HEADERS, text(headers::UNREADABLE, "forged"))
            .dead_letter("unreadable_properties", "forged"),
    ]
}

fn key(name: &str) -> Vec<u8> {
    [&[u8::try_from(name.len()).expect("short")], name.as_bytes()].concat()
}
