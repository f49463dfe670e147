//! The fuzz target for message properties. Properties are hints, and the headers about earlier
//! attempts count only if the message came through the internal exchange.

use chrono::DateTime;
use lapin::{
    BasicProperties,
    message::Delivery as AmqpDelivery,
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::contract::{Origin, Topology, headers as name};
use scrip::transport::amqp::incoming;

const NAMES: [&str; 6] = [
    name::ORIGIN,
    name::ATTEMPT,
    name::FIRST_SEEN,
    name::EXCHANGE,
    name::TRACEPARENT,
    "x-delivery-count",
];

/// Builds a delivery from the bytes and reads it.
pub fn headers(data: &[u8], exchange: u8) {
    let topology = Topology::new("t", 1).expect("a namespace");
    let exchanges = [
        "t.usage",
        "t.funding",
        "t.internal",
        "t.queries",
        "",
        "amq.direct",
    ];
    let exchange = exchanges[usize::from(exchange) % exchanges.len()];
    let mut rest = data;
    let mut table = FieldTable::default();
    let mut reply_to = None;
    while let [which, kind, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        match NAMES.get(usize::from(*which) % (NAMES.len() + 1)) {
            Some(name) => drop(table.insert((*name).into(), header(*kind, value))),
            None => reply_to = Some(short(value)),
        }
    }
    let mut properties = BasicProperties::default().with_headers(table);
    if let Some(queue) = reply_to.clone() {
        properties = properties.with_reply_to(queue);
    }
    let mut message = AmqpDelivery::mock(1, exchange.into(), "0".into(), true, data.to_vec());
    message.properties = properties;

    let _ = incoming::delivery_count(&message);
    assert!(!incoming::identity(&message).contains('\0'));
    let command = incoming::command(&topology, &message);
    let now = DateTime::UNIX_EPOCH;
    let read = incoming::read(&topology, message, now);
    assert_eq!(read.body, data);
    let entered = topology.origin_of(exchange);
    if entered != Some(Origin::Internal) {
        assert_eq!(
            (read.origin, read.attempt, read.first_seen),
            (entered, 0, now)
        );
        assert_eq!(read.ticket.exchange.as_str(), exchange);
    }
    assert!(command.is_none() || read.origin.is_some());
    if let Some(reply) = read.reply {
        let sender = read.sender.as_deref();
        assert_eq!(topology.check_reply_to(&reply.queue, sender), Ok(()));
        assert_eq!(
            Some(reply.queue.as_str()),
            reply_to.as_ref().map(ShortString::as_str)
        );
    }
}

fn short(bytes: &[u8]) -> ShortString {
    let text: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
    ShortString::try_new(text).unwrap_or_else(|_| "".into())
}

fn header(kind: u8, value: &[u8]) -> AMQPValue {
    let mut number = [0; 8];
    let length = value.len().min(8);
    number[..length].copy_from_slice(&value[..length]);
    let number = i64::from_le_bytes(number);
    let [low, ..] = number.to_le_bytes();
    match kind % 9 {
        0 => AMQPValue::ShortString(short(value)),
        1 => AMQPValue::LongLongInt(number),
        2 => AMQPValue::ShortShortUInt(low),
        3 => AMQPValue::LongInt(i32::from(low) - 128),
        4 => AMQPValue::Timestamp(number.unsigned_abs()),
        5 => AMQPValue::Boolean(low > 0),
        6 => AMQPValue::FieldArray(vec![AMQPValue::LongString(value.into())].into()),
        7 => AMQPValue::Void,
        _ => AMQPValue::LongString(value.into()),
    }
}
