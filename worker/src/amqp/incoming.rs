//! From AMQP deliveries to the lane's.
//!
//! Properties are hints; the exchange is what is believed. What headers tell of earlier attempts counts only on
//! deliveries from the internal exchange, to which nobody else may write.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    message::Delivery as AmqpDelivery,
    types::{AMQPValue, ShortString},
};
use producer_sdk::{
    contract::{Door, Topology, headers},
    unreadable,
};

use crate::{
    decode,
    lane::{Delivery, ReplyTo},
};

/// Longest name of an account in bytes: it travels as a short string.
const MAX_SENDER: usize = 255;

/// What AMQP needs to settle a delivery.
#[derive(Debug)]
pub struct Ticket {
    /// The delivery's number on its channel.
    pub tag: u64,
    /// The exchange it was first published to; empty for the default exchange.
    pub exchange: ShortString,
    /// The routing key it was published with.
    pub routing_key: ShortString,
    /// Its properties.
    pub properties: BasicProperties,
}

/// Reads a delivery.
pub fn read(topology: &Topology, message: AmqpDelivery, now: DateTime<Utc>) -> Delivery<Ticket> {
    let AmqpDelivery {
        delivery_tag,
        exchange,
        routing_key,
        properties,
        data,
        ..
    } = message;
    let door = door(topology, &exchange, &properties);
    let trusted = topology.door_of(exchange.as_str()) == Some(Door::Internal);
    let believed = |name: &str| if trusted { header(&properties, name) } else { None };
    let came_by = believed(headers::EXCHANGE)
        .and_then(text)
        .and_then(|name| ShortString::try_new(name).ok());
    let attempt = believed(headers::ATTEMPT)
        .and_then(integer)
        .and_then(|n| u32::try_from(n).ok());
    let first_seen = believed(headers::FIRST_SEEN)
        .and_then(text)
        .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
        .map(|at| at.with_timezone(&Utc));
    let sender = sender(topology, &exchange, &properties);
    Delivery {
        unreadable: unreadable(&properties),
        door,
        reply: reply_to_sender(topology, &properties, sender.as_deref()),
        sender,
        attempt: attempt.unwrap_or(0),
        first_seen: first_seen.unwrap_or(now),
        body: data,
        ticket: Ticket {
            tag: delivery_tag,
            exchange: came_by.unwrap_or(exchange),
            routing_key,
            properties,
        },
    }
}

/// The door that a message first came through.
fn door(topology: &Topology, exchange: &ShortString, properties: &BasicProperties) -> Option<Door> {
    let entered = topology.door_of(exchange.as_str());
    match header(properties, headers::ORIGIN).filter(|_| entered == Some(Door::Internal)) {
        // What had no door when it was delayed has none when it comes back.
        Some(origin) => text(origin).and_then(Door::parse),
        None => entered,
    }
}

/// The account that sent a message. A broker refuses a message that names another account than its connection's. What
/// comes from the internal exchange was published by a worker, which notes the sender in a header.
fn sender(topology: &Topology, exchange: &ShortString, properties: &BasicProperties) -> Option<String> {
    if topology.door_of(exchange.as_str()) == Some(Door::Internal) {
        return header(properties, headers::SENDER)
            .and_then(text)
            .and_then(storable_sender);
    }
    verified_sender(properties)
}

/// The account that a message names as its sender, which the broker has verified if the message comes from its sender.
pub fn verified_sender(properties: &BasicProperties) -> Option<String> {
    storable_sender(properties.user_id().as_ref()?.as_str())
}

/// A name that the database can store. One with U+0000 counts as none.
fn storable_sender(name: &str) -> Option<String> {
    let fits = (1..=MAX_SENDER).contains(&name.len()) && !name.contains('\0');
    fits.then(|| name.to_owned())
}

/// The command of a delivery that is not taken yet, if it is one.
pub fn command(topology: &Topology, message: &AmqpDelivery) -> Option<ledger::Command> {
    if unreadable(&message.properties).is_some() {
        return None;
    }
    let door = door(topology, &message.exchange, &message.properties)?;
    let mut command = decode::decode(&message.data, door).ok()?;
    command.sender = sender(topology, &message.exchange, &message.properties);
    Some(command)
}

/// Where an answer to a message that came from its sender is wanted, if the place is one that answers may go to.
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
        correlation_id: properties.correlation_id().as_ref().map(ToString::to_string),
    })
}

/// When a message was sent, as its sender says.
pub fn sent(message: &AmqpDelivery) -> Option<DateTime<Utc>> {
    let seconds = (*message.properties.timestamp())?;
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// What a message is recognised by when it comes again: its id and a hash of its body.
pub fn identity(message: &AmqpDelivery) -> String {
    let mut hasher = DefaultHasher::new();
    message.data.hash(&mut hasher);
    let id = message
        .properties
        .message_id()
        .as_ref()
        .map_or("", ShortString::as_str);
    // A text that PostgreSQL can store, whatever the sender wrote.
    format!("{} {:016x}", id.escape_default(), hasher.finish())
}

/// How often the broker has delivered the message before, as far as it says so. On a first delivery the header is the
/// sender's.
pub fn delivery_count(message: &AmqpDelivery) -> u64 {
    header(&message.properties, "x-delivery-count")
        .filter(|_| message.redelivered)
        .and_then(integer)
        .and_then(|n| u64::try_from(n).ok())
        .unwrap_or(0)
}

/// A header, if the message has it.
pub fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// The text that a header says, if it is one.
pub fn text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The whole number that a header says, if it is one.
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
