//! The OpenAPI document of the HTTP API: results from the types of the SDK, commands from its
//! decoder, endpoints from the server.

mod operations;
mod responses;

use std::collections::BTreeMap;

use producer_sdk::contract::MAX_AMOUNT;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{schema, written};

/// Conformance: HTTP API: The OpenAPI document describes every endpoint, command and result
#[test]
fn the_openapi_document_is_that_of_the_program() {
    let text = serde_json::to_string_pretty(&document()).expect("JSON");
    written::compare("docs/reference/openapi.json", &format!("{text}\n"));
}

/// The document.
pub fn document() -> Value {
    let mut generator = schema::generator();
    let paths = paths(&mut generator);
    let mut schemas = schema::components(generator);
    let bodies = schema::public_kinds().map(|kind| schema::named(&schema::commands::name(kind)));
    let command = json!({ "oneOf": bodies.collect::<Vec<_>>() });
    schemas.insert("Command".to_owned(), command);
    schemas.insert("Receipt".to_owned(), responses::receipt());
    schemas.insert("Problem".to_owned(), responses::problem());
    schemas.insert("UserToken".to_owned(), responses::user_token());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Scrip",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The HTTP API of the Scrip credit ledger.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "responses": responses::problems(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

/// The endpoints of the server, each with its operation.
fn paths(generator: &mut SchemaGenerator) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (method, path) in scrip::http::endpoints() {
        let operation = operations::operation(generator, method, path);
        let operations = paths.entry(path).or_default();
        operations.insert(method.to_lowercase(), operation);
    }
    json!(paths)
}

#[test]
fn the_limits_of_the_document_are_those_of_the_contract() {
    let document = document();
    let consume = &document["components"]["schemas"]["Command.consume"];
    assert_eq!(
        consume["required"],
        json!(["referenceId", "service", "type", "userId"])
    );
    assert_eq!(consume["properties"]["amount"]["maximum"], MAX_AMOUNT);
    let exclusive = json!({ "anyOf": [{ "required": ["amount", "quantity"] }] });
    assert_eq!(consume["not"], exclusive);
    let purchase = &document["components"]["schemas"]["Command.purchase"];
    assert_eq!(purchase["oneOf"].as_array().map(Vec::len), Some(3));
    let exclusive = json!({ "anyOf": [
        { "required": ["packageId", "validityDays"] },
        { "required": ["priceId", "validityDays"] },
        { "required": ["quantity", "credits"] },
        { "required": ["quantity", "validityDays"] },
    ] });
    assert_eq!(purchase["not"], exclusive);
}
