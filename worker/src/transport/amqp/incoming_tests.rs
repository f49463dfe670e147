use lapin::types::FieldTable;

use super::*;

fn topology() -> Topology {
    Topology::new("t", 1).unwrap()
}

fn message(exchange: &str, headers: &[(&str, AMQPValue)], reply_to: Option<&str>) -> AmqpDelivery {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), value.clone());
    }
    let mut properties = BasicProperties::default()
        .with_headers(table)
        .with_correlation_id("c".into());
    if let Some(queue) = reply_to {
        properties = properties.with_reply_to(queue.into());
    }
    let mut message = AmqpDelivery::mock(7, exchange.into(), "3".into(), false, b"body".to_vec());
    message.properties = properties;
    message
}

fn delivered(
    exchange: &str,
    headers: &[(&str, AMQPValue)],
    reply_to: Option<&str>,
) -> Delivery<Ticket> {
    let message = message(exchange, headers, reply_to);
    read(&topology(), message, DateTime::UNIX_EPOCH)
}

fn text_value(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[test]
fn the_exchange_determines_the_origin() {
    for (exchange, origin) in [
        ("t.usage", Some(Origin::Usage)),
        ("t.funding", Some(Origin::Funding)),
        ("t.internal", Some(Origin::Internal)),
        ("", None),
        ("amq.direct", None),
        ("other.usage", None),
        ("t.queries", None),
    ] {
        assert_eq!(delivered(exchange, &[], None).origin, origin, "{exchange}");
    }
}

#[test]
fn headers_of_earlier_attempts_are_trusted_only_from_the_internal_exchange() {
    let headers = [
        (headers::ORIGIN, text_value("funding")),
        (headers::ATTEMPT, AMQPValue::LongLongInt(2)),
        (headers::FIRST_SEEN, text_value("2026-11-22T10:00:00+00:00")),
    ];
    let from_delay = delivered("t.internal", &headers, None);
    assert_eq!(
        (from_delay.origin, from_delay.attempt),
        (Some(Origin::Funding), 2)
    );
    assert_eq!(
        from_delay.first_seen.to_rfc3339(),
        "2026-11-22T10:00:00+00:00"
    );

    let forged = delivered("t.usage", &headers, None);
    assert_eq!((forged.origin, forged.attempt), (Some(Origin::Usage), 0));
    assert_eq!(forged.first_seen, DateTime::UNIX_EPOCH);
}

#[test]
fn a_message_delayed_without_an_origin_has_none_when_it_comes_back() {
    for origin in ["none", "mint"] {
        let headers = [(headers::ORIGIN, text_value(origin))];
        assert_eq!(
            delivered("t.internal", &headers, None).origin,
            None,
            "{origin}"
        );
    }
}

#[test]
fn the_first_exchange_of_a_message_is_kept_through_the_delay_queue() {
    let headers = [
        (headers::ORIGIN, text_value("usage")),
        (headers::EXCHANGE, text_value("t.usage")),
    ];
    let from_delay = delivered("t.internal", &headers, None);
    assert_eq!(from_delay.ticket.exchange.as_str(), "t.usage");
    let forged = delivered("t.funding", &headers, None);
    assert_eq!(forged.ticket.exchange.as_str(), "t.funding");
}

#[test]
fn invalid_headers_count_as_absent() {
    let headers = [
        (headers::ATTEMPT, AMQPValue::LongLongInt(-1)),
        (headers::FIRST_SEEN, text_value("yesterday")),
    ];
    let delivery = delivered("t.internal", &headers, None);
    assert_eq!(
        (delivery.origin, delivery.attempt),
        (Some(Origin::Internal), 0)
    );
    assert_eq!(delivery.first_seen, DateTime::UNIX_EPOCH);
}

#[test]
fn only_reply_queues_are_accepted_as_reply_addresses() {
    for (queue, allowed) in [
        ("amq.gen-abc", true),
        ("amq.rabbitmq.reply-to.g1h2", false),
        ("t.reply.app-7", false),
        ("t.commands.0", false),
        ("t.dead", false),
        ("other.reply.app-7", false),
        ("", false),
    ] {
        assert_eq!(
            delivered("t.usage", &[], Some(queue)).reply.is_some(),
            allowed,
            "{queue}"
        );
    }
}

#[test]
fn only_an_account_itself_may_use_its_reply_queue() {
    let accepted = |exchange: &str, headers: &[(&str, AMQPValue)], user: Option<&str>| {
        let mut message = message(exchange, headers, Some("t.reply.shop"));
        if let Some(user) = user {
            message.properties = message.properties.with_user_id(user.into());
        }
        read(&topology(), message, DateTime::UNIX_EPOCH)
            .reply
            .is_some()
    };
    assert!(accepted("t.usage", &[], Some("shop")));
    assert!(!accepted("t.usage", &[], Some("till")));
    assert!(!accepted("t.usage", &[], None));
    // Only a worker is trusted when it names the sender of a delayed message.
    let named = [(headers::SENDER, text_value("shop"))];
    assert!(!accepted("t.usage", &named, None));
    assert!(!accepted("t.usage", &named, Some("till")));
    assert!(accepted("t.internal", &named, None));
    assert!(!accepted("t.internal", &[], Some("shop")));
}

#[test]
fn an_absent_or_invalid_delivery_count_is_zero() {
    let count = |headers: &[(&str, AMQPValue)]| {
        let mut message = message("t.usage", headers, None);
        message.redelivered = true;
        delivery_count(&message)
    };
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&[("x-delivery-count", AMQPValue::LongLongInt(4))]), 4);
    assert_eq!(count(&[("x-delivery-count", text_value("4"))]), 0);
    assert_eq!(
        count(&[("x-delivery-count", AMQPValue::LongLongInt(-4))]),
        0
    );
}

#[test]
fn a_delivery_count_on_a_first_delivery_is_ignored() {
    let forged = message(
        "t.usage",
        &[("x-delivery-count", AMQPValue::LongLongInt(9))],
        None,
    );
    assert_eq!(delivery_count(&forged), 0);
}

#[test]
fn a_message_that_is_marked_as_unreadable_is_not_a_command() {
    let mark = [(
        headers::UNREADABLE,
        text_value("`message_id` must be UTF-8"),
    )];
    let marked = delivered("t.usage", &mark, None);
    assert_eq!(
        marked.unreadable.as_deref(),
        Some("`message_id` must be UTF-8")
    );
    assert_eq!(
        (marked.origin, marked.body),
        (Some(Origin::Usage), b"body".to_vec())
    );
    let body = br#"{"type":"consume","referenceId":"r","userId":"u","service":"s"}"#;
    for (headers, is_command) in [(&mark[..], false), (&[], true)] {
        let mut message = message("t.usage", headers, None);
        message.data = body.to_vec();
        assert_eq!(command(&topology(), &message).is_some(), is_command);
    }
}
