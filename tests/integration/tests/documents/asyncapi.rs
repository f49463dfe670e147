//! The AsyncAPI document of the messages on RabbitMQ, from the side of a client: `send` is what an
//! app or a payment bridge sends. Exchanges, queues and routing keys come from the topology of the
//! SDK, bodies from its decoder and its types.

mod channels;
mod messages;
mod operations;

use producer_sdk::contract::Topology;
use serde_json::{Value, json};

use super::{schema, written};

/// The namespace unless configured.
const NAMESPACE: &str = "credits";
const ABOUT: &str = "The messages of the Scrip credit ledger over AMQP 0-9-1, from the side of a \
    client. The names of exchanges and queues begin with the namespace, which is `credits` unless \
    configured. `x-amqp-properties` are the properties of a message that the bindings cannot \
    describe; `correlation_id` and `reply_to` in runtime expressions are these properties.";

/// Conformance: AMQP: The AsyncAPI document describes the exchanges and queues that apps and
/// operators use, and every command, query, reply and header
#[test]
fn the_asyncapi_document_is_that_of_the_program() {
    let text = serde_json::to_string_pretty(&document()).expect("JSON");
    written::compare("docs/reference/asyncapi.json", &format!("{text}\n"));
}

/// The document.
pub fn document() -> Value {
    let topology = Topology::new(NAMESPACE, 1).expect("a valid namespace");
    let mut generator = schema::generator();
    let messages = messages::all(&mut generator);
    let mut schemas = schema::components(generator);
    for kind in schema::queries::kinds() {
        let query = schema::queries::schema(&kind);
        schemas.insert(schema::queries::name(&kind), query);
    }
    let properties = messages::properties();
    schemas.extend(properties.map(|(name, schema)| (name.to_owned(), schema)));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Scrip",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "rabbitmq": {
                "host": "127.0.0.1:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "RabbitMQ 3.10 or later.",
                "security": [{ "$ref": "#/components/securitySchemes/account" }],
            },
        },
        "channels": channels::all(&topology),
        "operations": operations::all(),
        "components": {
            "correlationIds": {
                "property": { "location": "$message.header#/correlation_id" },
            },
            "messages": messages,
            "parameters": { "bucket": channels::bucket() },
            "replies": { "command": operations::command_reply() },
            "replyAddresses": { "property": operations::reply_address() },
            "schemas": schemas,
            "securitySchemes": {
                "account": {
                    "type": "userPassword",
                    "description": "An account of the broker. Its permissions decide through \
                                    which exchanges it may send.",
                },
            },
        },
        "x-topology": channels::topology(&topology),
    })
}

/// The commands that a client sends through each exchange.
fn routes() -> impl Iterator<Item = (producer_sdk::contract::Origin, String)> {
    schema::public_kinds().flat_map(|kind| {
        let origins = schema::commands::origins(kind).iter();
        origins.map(move |origin| (*origin, kind.as_str().to_owned()))
    })
}

#[test]
fn both_documents_have_the_same_schemas_and_no_broken_reference() {
    let (http, amqp) = (super::openapi::document(), document());
    written::assert_references(&http);
    written::assert_references(&amqp);
    let schemas = |document: &Value| {
        let schemas = document["components"]["schemas"].as_object();
        schemas.expect("schemas").clone()
    };
    let (http, amqp) = (schemas(&http), schemas(&amqp));
    let shared: Vec<_> = http
        .keys()
        .filter(|name| amqp.contains_key(*name))
        .collect();
    assert!(shared.len() > 20, "{shared:?}");
    for name in shared {
        assert_eq!(http[name], amqp[name], "{name}");
    }
}

#[test]
fn every_header_of_the_contract_belongs_to_a_message() {
    let document = document();
    let messages = document["components"]["messages"].as_object();
    let headers = messages
        .expect("messages")
        .values()
        .filter_map(|message| message["headers"]["properties"].as_object())
        .flat_map(|headers| headers.keys());
    let described: std::collections::BTreeSet<_> = headers.map(String::as_str).collect();
    let sources = testkit::sources::files("rs");
    let source = sources
        .iter()
        .find(|file| file.path == "producer-sdk/src/contract/headers.rs")
        .expect("the source of the headers");
    let constants = source
        .text
        .lines()
        .filter(|line| line.starts_with("pub const"));
    let names = constants.filter_map(|line| line.split('"').nth(1));
    // Only the program that receives a message sets it.
    let own = producer_sdk::contract::headers::UNREADABLE;
    let missing: Vec<&str> = names
        .filter(|name| *name != own && !described.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
