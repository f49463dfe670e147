//! Dead letters, delayed messages and replies as AMQP messages.
//!
//! A dead letter or a delayed message keeps its body unchanged (a body above the size limit keeps
//! only its beginning) and the properties that a reader may need. Of the headers only the trace
//! context is kept: the others are by the sender, in any number and size.

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use producer_sdk::{
    amqp::Outgoing,
    contract::{Origin, REPLY_TTL_MILLIS, Topology, headers},
};

use super::incoming::Ticket;
use crate::pipeline::{Dead, Delay, Delivery, Reply};

/// Longest text in a header, in bytes. Longer texts are cut, because all headers of a message must
/// fit into one frame.
const MAX_TEXT: usize = 1000;
const PERSISTENT: u8 = 2;
const TRANSIENT: u8 = 1;
const JSON: &str = "application/json";

/// Converts a delivery into a dead letter.
pub fn dead(
    topology: &Topology,
    delivery: Delivery<Ticket>,
    dead: &Dead,
    now: DateTime<Utc>,
) -> Outgoing {
    let mut table = history(&delivery, delivery.attempt);
    put(&mut table, headers::REASON, &dead.reason);
    put(&mut table, headers::ERROR, &dead.error);
    if let Some(field) = &dead.field {
        put(&mut table, headers::FIELD, field);
    }
    put(&mut table, headers::LAST_SEEN, &now.to_rfc3339());
    if let Some(cut) = &dead.cut {
        let length = i64::try_from(cut.body_length).unwrap_or(i64::MAX);
        table.insert(headers::BODY_LENGTH.into(), AMQPValue::LongLongInt(length));
        put(&mut table, headers::BODY_SHA256, &cut.body_sha256);
    }
    republished(topology.dead(), delivery, table)
}

/// Converts a delivery into a message for the delay queue.
pub fn delayed(topology: &Topology, delivery: Delivery<Ticket>, delay: &Delay) -> Outgoing {
    let mut table = history(&delivery, delay.attempt);
    put(&mut table, headers::ERROR, &delay.error);
    republished(topology.delay(), delivery, table)
}

/// Converts a retained delivery into a message for its command queue. It goes through the internal
/// exchange, so that origin, sender and time of receipt are believed.
pub fn again(topology: &Topology, delivery: Delivery<Ticket>) -> Outgoing {
    let table = history(&delivery, 0);
    republished(topology.internal(), delivery, table)
}

/// Converts a reply. The default exchange routes it to its queue. A header marks it, so that a lane
/// recognizes a reply that comes back.
pub fn reply(reply: Reply) -> Option<Outgoing> {
    let mut table = FieldTable::default();
    table.insert(headers::REPLY.into(), AMQPValue::Boolean(true));
    let mut properties = BasicProperties::default()
        .with_content_type(JSON.into())
        .with_delivery_mode(TRANSIENT)
        .with_expiration(REPLY_TTL_MILLIS.to_string().into())
        .with_headers(table);
    if let Some(id) = reply.to.correlation_id {
        properties = properties.with_correlation_id(ShortString::try_new(id).ok()?);
    }
    Some(Outgoing {
        exchange: ShortString::default(),
        routing_key: ShortString::try_new(reply.to.queue).ok()?,
        properties,
        body: reply.body,
    })
}

fn history(delivery: &Delivery<Ticket>, attempt: u32) -> FieldTable {
    let mut table = FieldTable::default();
    put(
        &mut table,
        headers::ORIGIN,
        delivery.origin.map_or("none", Origin::as_str),
    );
    if let Some(sender) = &delivery.sender {
        put(&mut table, headers::SENDER, sender);
    }
    table.insert(
        headers::ATTEMPT.into(),
        AMQPValue::LongLongInt(attempt.into()),
    );
    put(
        &mut table,
        headers::FIRST_SEEN,
        &delivery.first_seen.to_rfc3339(),
    );
    put(
        &mut table,
        headers::EXCHANGE,
        delivery.ticket.exchange.as_str(),
    );
    put(
        &mut table,
        headers::ROUTING_KEY,
        delivery.ticket.routing_key.as_str(),
    );
    let trace = delivery
        .ticket
        .properties
        .headers()
        .as_ref()
        .and_then(|all| all.inner().get(headers::TRACEPARENT));
    if let Some(AMQPValue::LongString(trace)) = trace
        && let Ok(trace) = std::str::from_utf8(trace.as_bytes())
    {
        put(&mut table, headers::TRACEPARENT, trace);
    }
    table
}

fn republished(exchange: String, delivery: Delivery<Ticket>, table: FieldTable) -> Outgoing {
    Outgoing {
        exchange: ShortString::try_new(exchange).unwrap_or_default(),
        routing_key: delivery.ticket.routing_key,
        properties: kept_properties(&delivery.ticket.properties).with_headers(table),
        body: delivery.body,
    }
}

/// The properties that are kept of a received message, without headers.
pub fn kept_properties(received: &BasicProperties) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    macro_rules! keep {
        ($($get:ident => $set:ident),* $(,)?) => {$(
            if let Some(value) = received.$get() {
                properties = properties.$set(value.clone());
            }
        )*};
    }
    keep! {
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        kind => with_type,
        app_id => with_app_id,
        timestamp => with_timestamp,
    }
    properties
}

fn put(table: &mut FieldTable, name: &str, value: &str) {
    let cut = value.floor_char_boundary(MAX_TEXT.min(value.len()));
    table.insert(name.into(), AMQPValue::LongString(value[..cut].into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut table = FieldTable::default();
        put(&mut table, "x", &"ä".repeat(MAX_TEXT));
        put(&mut table, "y", &format!("a{}", "ä".repeat(MAX_TEXT)));
        for (name, length) in [("x", MAX_TEXT), ("y", MAX_TEXT - 1)] {
            let Some(AMQPValue::LongString(text)) = table.inner().get(name) else {
                panic!("no text")
            };
            assert_eq!(std::str::from_utf8(text.as_bytes()).unwrap().len(), length);
        }
    }
}
