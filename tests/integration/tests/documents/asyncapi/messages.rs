//! The messages: commands, queries, replies and dead letters, with their properties and headers.

use producer_sdk::contract::{
    AnswerError, MAX_BODY_BYTES, Origin, Outcome, REPLY_TTL_MILLIS, Rejection, headers,
};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::schema::{self, commands, named, names, object, queries, reference, text};

pub const OUTCOME: &str = "outcome";
pub const QUERY_ERROR: &str = "queryError";
pub const REJECTED: &str = "rejected";
pub const DEAD_LETTER: &str = "deadLetter";

const COMMAND_PROPERTIES: &str = "Properties.command";
const QUERY_PROPERTIES: &str = "Properties.query";
const REPLY_PROPERTIES: &str = "Properties.reply";
const DEAD_LETTER_PROPERTIES: &str = "Properties.deadLetter";

/// The longest short string of AMQP, in bytes.
const SHORT: usize = 255;

/// The name of the message of a query.
pub fn query(kind: &str) -> String {
    format!("query.{kind}")
}

/// The name of the message with the answer to a query.
pub fn answer(kind: &str) -> String {
    format!("answer.{kind}")
}

/// All messages, by name.
pub fn all(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut messages = Map::new();
    for kind in schema::public_kinds() {
        messages.insert(
            kind.as_str().to_owned(),
            command(kind.as_str(), &commands::name(kind)),
        );
    }
    for kind in queries::kinds() {
        messages.insert(query(&kind), query_message(&kind));
        let payload = queries::answer(generator, &kind);
        let summary = format!("The result of the query `{kind}`.");
        messages.insert(answer(&kind), reply(&summary, &payload));
    }
    let outcome = reference::<Outcome>(generator);
    messages.insert(
        OUTCOME.to_owned(),
        reply("The outcome of a command.", &outcome),
    );
    let status =
        |status: &str, error: Value| [("status", json!({ "const": status })), ("error", error)];
    let error = status("error", reference::<AnswerError>(generator));
    let error = object(
        &["type", "status", "error"],
        error.into_iter().chain([("type", text())]),
    );
    messages.insert(
        QUERY_ERROR.to_owned(),
        reply("Why a query has no result.", &error),
    );
    let rejected = status("rejected", reference::<Rejection>(generator));
    let rejected = object(&["status", "error"], rejected);
    let summary = "Why a command or query cannot be understood or is forbidden.";
    messages.insert(REJECTED.to_owned(), reply(summary, &rejected));
    messages.insert(DEAD_LETTER.to_owned(), dead_letter());
    messages
}

fn command(kind: &str, schema: &str) -> Value {
    json!({
        "name": kind,
        "title": format!("Command `{kind}`"),
        "description": format!("At most {MAX_BODY_BYTES} bytes. `message_id` and `type` are hints; \
                                the body decides."),
        "contentType": "application/json",
        "payload": named(schema),
        "headers": object(&[], [(headers::TRACEPARENT, schema::traceparent())]),
        "correlationId": correlation_id(),
        "bindings": { "amqp": { "messageType": kind, "bindingVersion": "0.3.0" } },
        "x-amqp-properties": named(COMMAND_PROPERTIES),
    })
}

fn query_message(kind: &str) -> Value {
    json!({
        "name": query(kind),
        "title": format!("Query `{kind}`"),
        "contentType": "application/json",
        "payload": named(&queries::name(kind)),
        "correlationId": correlation_id(),
        "bindings": { "amqp": { "messageType": kind, "bindingVersion": "0.3.0" } },
        "x-amqp-properties": named(QUERY_PROPERTIES),
    })
}

/// The schemas of the properties of messages, by name.
pub fn properties() -> [(&'static str, Value); 4] {
    let short = || json!({ "type": "string", "maxLength": SHORT });
    let described = |description: &str| {
        let mut schema = short();
        schema["description"] = description.into();
        schema
    };
    let json = || ("content_type", json!({ "const": "application/json" }));
    let user_id = "The account of the connection, which the broker verifies.";
    let request = |reply_to: &str| {
        [
            json(),
            ("type", described("The `type` of the body.")),
            ("reply_to", described(reply_to)),
            ("correlation_id", described("Returned with the reply.")),
            ("user_id", described(user_id)),
        ]
    };
    let command = request("The reply queue. Without one there is no reply.").into_iter();
    let command = command.chain([("message_id", described("The `referenceId`."))]);
    let query = request("The reply queue.");
    let reply = [
        json(),
        ("delivery_mode", json!({ "const": 1 })),
        (
            "expiration",
            json!({ "const": REPLY_TTL_MILLIS.to_string() }),
        ),
        ("correlation_id", short()),
    ];
    let kept = [
        "message_id",
        "type",
        "reply_to",
        "correlation_id",
        "content_type",
        "content_encoding",
        "app_id",
    ];
    let timestamp = ("timestamp", json!({ "type": "integer", "minimum": 0 }));
    let kept = kept.map(|name| (name, short())).into_iter();
    let reply_needs = ["content_type", "delivery_mode", "expiration"];
    [
        (COMMAND_PROPERTIES, object(&[], command)),
        (QUERY_PROPERTIES, object(&["reply_to"], query)),
        (REPLY_PROPERTIES, object(&reply_needs, reply)),
        (DEAD_LETTER_PROPERTIES, object(&[], kept.chain([timestamp]))),
    ]
}

/// The reply to a command or query.
fn reply(summary: &str, payload: &Value) -> Value {
    let mark = json!({ "const": true, "description": "The mark of every reply of a worker." });
    json!({
        "summary": summary,
        "contentType": "application/json",
        "payload": payload,
        "headers": object(&[headers::REPLY], [(headers::REPLY, mark)]),
        "correlationId": correlation_id(),
        "x-amqp-properties": named(REPLY_PROPERTIES),
    })
}

fn correlation_id() -> Value {
    json!({ "$ref": "#/components/correlationIds/property" })
}

/// A dead letter of a worker. Those of the broker itself have none of the headers.
fn dead_letter() -> Value {
    let described = |description: &str| json!({ "type": "string", "description": description });
    let integer =
        |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    let instant = |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    let origins = Origin::VARIANTS.iter().map(|origin| origin.as_str());
    let header_schemas = [
        (
            headers::TRACEPARENT,
            described("As it was sent, valid or not, and cut after 1,000 bytes."),
        ),
        (
            headers::REASON,
            described("A rejection's code, `unapplied:{code}` or `poison`."),
        ),
        (
            headers::ERROR,
            described("What was found and what is allowed, or the error."),
        ),
        (headers::FIELD, described("The field that is wrong.")),
        (
            headers::BODY_LENGTH,
            integer("Of a body that is too large: its length in bytes."),
        ),
        (
            headers::BODY_SHA256,
            described("Of such a body: its SHA-256 in hexadecimal."),
        ),
        (headers::SENDER, described("The account that sent it.")),
        (
            headers::ATTEMPT,
            integer("How often it went through the delay queue."),
        ),
        (
            headers::FIRST_SEEN,
            instant("When a worker first received it."),
        ),
        (headers::LAST_SEEN, instant("When it became a dead letter.")),
        (headers::ORIGIN, names(origins.chain(["none"]))),
        (
            headers::EXCHANGE,
            described("The exchange of the first delivery."),
        ),
        (
            headers::ROUTING_KEY,
            described("The routing key of the delivery."),
        ),
    ];
    json!({
        "summary": "A message that cannot be applied.",
        "description": "The body as it was sent; of one that is too large the beginning. Dead \
                        letters of the broker itself have none of the headers.",
        "headers": object(&[], header_schemas),
        "payload": { "description": "As it was sent." },
        "correlationId": correlation_id(),
        "x-amqp-properties": named(DEAD_LETTER_PROPERTIES),
    })
}
