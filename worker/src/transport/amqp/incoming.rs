//! Converts AMQP deliveries into deliveries of the pipeline.
//!
//! Properties are only hints; the exchange is trusted. Headers about earlier attempts are trusted
//! only on deliveries from the internal exchange, to which only workers may publish.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    message::Delivery as AmqpDelivery,
    types::{AMQPValue, ShortString},
};
use producer_sdk::{
    amqp::unreadable,
    contract::{Origin, Topology, headers},
};

use crate::{
    decode,
    pipeline::{Delivery, ReplyTo},
};

/// Longest name of an account in bytes: it is transferred as a short string.
const MAX_SENDER: usize = 255;

/// The data that the AMQP transport needs to settle a delivery.
#[derive(Debug)]
pub struct Ticket {
    /// The delivery tag on its channel.
    pub tag: u64,
    /// The exchange to which the message was first published; empty for the default exchange.
    pub exchange: ShortString,
    pub routing_key: ShortString,
    pub properties: BasicProperties,
}

/// Converts a delivery that is received at `now`.
pub fn read(topology: &Topology, message: AmqpDelivery, now: DateTime<Utc>) -> Delivery<Ticket> {
    let AmqpDelivery {
        delivery_tag,
        exchange,
        routing_key,
        properties,
        data,
        ..
    } = message;
    let origin = origin(topology, &exchange, &properties);
    let trusted = topology.origin_of(exchange.as_str()) == Some(Origin::Internal);
    let trusted_header = |name: &str| {
        if trusted {
            header(&properties, name)
        } else {
            None
        }
    };
    let first_exchange = trusted_header(headers::EXCHANGE)
        .and_then(text)
        .and_then(|name| ShortString::try_new(name).ok());
    let attempt = trusted_header(headers::ATTEMPT)
        .and_then(integer)
        .and_then(|n| u32::try_from(n).ok());
    let first_seen = trusted_header(headers::FIRST_SEEN)
        .and_then(text)
        .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
        .map(|at| at.with_timezone(&Utc));
    let sender = sender(topology, &exchange, &properties);
    Delivery {
        unreadable: unreadable(&properties),
        origin,
        reply: reply_to_sender(topology, &properties, sender.as_deref()),
        sender,
        attempt: attempt.unwrap_or(0),
        first_seen: first_seen.unwrap_or(now),
        body: data,
        ticket: Ticket {
            tag: delivery_tag,
            exchange: first_exchange.unwrap_or(exchange),
            routing_key,
            properties,
        },
    }
}

/// The origin of the first delivery of a message.
fn origin(
    topology: &Topology,
    exchange: &ShortString,
    properties: &BasicProperties,
) -> Option<Origin> {
    let current = topology.origin_of(exchange.as_str());
    match header(properties, headers::ORIGIN).filter(|_| current == Some(Origin::Internal)) {
        // A message that had no origin when it was delayed has none when it comes back.
        Some(origin) => text(origin).and_then(|name| name.parse().ok()),
        None => current,
    }
}

/// The account that sent a message. The broker refuses a message that names another account than
/// that of its connection. A message from the internal exchange was published by a worker, which
/// stores the sender in a header.
fn sender(
    topology: &Topology,
    exchange: &ShortString,
    properties: &BasicProperties,
) -> Option<String> {
    if topology.origin_of(exchange.as_str()) == Some(Origin::Internal) {
        return header(properties, headers::SENDER)
            .and_then(text)
            .and_then(storable_sender);
    }
    verified_sender(properties)
}

/// The account that a message names as its sender. The broker has verified it, unless a worker has
/// published the message again.
pub fn verified_sender(properties: &BasicProperties) -> Option<String> {
    storable_sender(properties.user_id().as_ref()?.as_str())
}

/// The name, if the database can store it: a name with U+0000 does not count.
fn storable_sender(name: &str) -> Option<String> {
    let fits = (1..=MAX_SENDER).contains(&name.len()) && !name.contains('\0');
    fits.then(|| name.to_owned())
}

/// Decodes the command of a delivery without taking it; `None` if it is not a valid command.
pub fn command(topology: &Topology, message: &AmqpDelivery) -> Option<ledger::Command> {
    if unreadable(&message.properties).is_some() {
        return None;
    }
    let origin = origin(topology, &message.exchange, &message.properties)?;
    let mut command = decode::decode(&message.data, origin).ok()?;
    command.sender = sender(topology, &message.exchange, &message.properties);
    Some(command)
}

/// The reply address of a message that comes directly from its sender; `None` if there is none or
/// replies may not go there.
pub fn reply_to(topology: &Topology, properties: &BasicProperties) -> Option<ReplyTo> {
    reply_to_sender(topology, properties, verified_sender(properties).as_deref())
}

fn reply_to_sender(
    topology: &Topology,
    properties: &BasicProperties,
    sender: Option<&str>,
) -> Option<ReplyTo> {
    let queue = properties.reply_to().as_ref()?.as_str();
    topology.check_reply_to(queue, sender).ok()?;
    Some(ReplyTo {
        queue: queue.to_owned(),
        correlation_id: properties
            .correlation_id()
            .as_ref()
            .map(ToString::to_string),
    })
}

/// When a message was sent, by its sender's clock.
pub fn sent(message: &AmqpDelivery) -> Option<DateTime<Utc>> {
    let seconds = (*message.properties.timestamp())?;
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// Identifies a message when it is delivered again: its id and a hash of its body.
pub fn identity(message: &AmqpDelivery) -> String {
    let mut hasher = DefaultHasher::new();
    message.data.hash(&mut hasher);
    let id = message
        .properties
        .message_id()
        .as_ref()
        .map_or("", ShortString::as_str);
    // Escaped, so that PostgreSQL can store any id.
    format!("{} {:016x}", id.escape_default(), hasher.finish())
}

/// How often the broker has delivered the message before; 0 if it does not say. On a first delivery
/// the header is by the sender and does not count.
pub fn delivery_count(message: &AmqpDelivery) -> u64 {
    header(&message.properties, "x-delivery-count")
        .filter(|_| message.redelivered)
        .and_then(integer)
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(0)
}

/// The value of a header.
pub fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// The value of a header as text, if it is text.
pub fn text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The value of a header as a whole number, if it is one.
pub fn integer(value: &AMQPValue) -> Option<i64> {
    match *value {
        AMQPValue::ShortShortInt(n) => Some(n.into()),
        AMQPValue::ShortShortUInt(n) => Some(n.into()),
        AMQPValue::ShortInt(n) => Some(n.into()),
        AMQPValue::ShortUInt(n) => Some(n.into()),
        AMQPValue::LongInt(n) => Some(n.into()),
        AMQPValue::LongUInt(n) => Some(n.into()),
        AMQPValue::LongLongInt(n) => Some(n),
        _ => None,
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
