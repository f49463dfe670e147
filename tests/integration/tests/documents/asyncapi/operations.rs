//! The operations of a client: commands and queries with their replies, and dead letters.

use serde_json::{Map, Value, json};

use super::{messages, routes, schema};

const VERSION: &str = "0.3.0";
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

/// The operations, by name.
pub fn all() -> Map<String, Value> {
    let mut operations = Map::new();
    for (origin, kind) in routes() {
        let channel = origin.as_str();
        let mut operation = send(channel, &kind, PERSISTENT);
        operation["summary"] = format!("Send `{kind}` through `{channel}`").into();
        operation["reply"] = json!({ "$ref": "#/components/replies/command" });
        operations.insert(format!("{channel}.{kind}"), operation);
    }
    for kind in schema::queries::kinds() {
        let mut operation = send("queries", &messages::query(&kind), TRANSIENT);
        operation["summary"] = format!("Query `{kind}`").into();
        let answer = messages::answer(&kind);
        operation["reply"] = reply(&[&answer, messages::QUERY_ERROR, messages::REJECTED]);
        operations.insert(format!("queries.{kind}"), operation);
    }
    let receive = json!({
        "action": "receive",
        "summary": "Read what cannot be applied",
        "channel": { "$ref": "#/channels/deadLetters" },
        "messages": [message("deadLetters", messages::DEAD_LETTER)],
        "bindings": { "amqp": { "ack": true, "bindingVersion": VERSION } },
    });
    operations.insert("deadLetters".to_owned(), receive);
    operations
}

fn send(channel: &str, name: &str, delivery_mode: u8) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": [message(channel, name)],
        "bindings": { "amqp": {
            "deliveryMode": delivery_mode, "mandatory": true, "bindingVersion": VERSION,
        } },
    })
}

/// The reply to a command, if it names a reply queue.
pub fn command_reply() -> Value {
    reply(&[messages::OUTCOME, messages::REJECTED])
}

/// Where replies are sent.
pub fn reply_address() -> Value {
    json!({
        "location": "$message.header#/reply_to",
        "description": "The property `reply_to` of the request.",
    })
}

fn reply(names: &[&str]) -> Value {
    let messages: Vec<Value> = names.iter().map(|name| message("replies", name)).collect();
    json!({
        "address": { "$ref": "#/components/replyAddresses/property" },
        "channel": { "$ref": "#/channels/replies" },
        "messages": messages,
    })
}

fn message(channel: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/channels/{channel}/messages/{name}") })
}
