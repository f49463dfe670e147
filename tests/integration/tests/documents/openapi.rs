//! The OpenAPI document of the HTTP API: results from the types of the SDK, commands from its
//! decoder, endpoints from the server.

mod commands;

use std::collections::BTreeMap;

use producer_sdk::contract::{
    BalanceResult, BatchesResult, HoldsResult, Kind, MAX_AMOUNT, MAX_ID_BYTES, MAX_PAGE_SIZE,
    Outcome, PackagesResult, PriceResult, QuoteResult, TransactionsResult,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::written;

const SCHEMAS: &str = "#/components/schemas";

/// Conformance: HTTP API: The OpenAPI document describes every endpoint, command and result
#[test]
fn the_openapi_document_is_that_of_the_program() {
    let text = serde_json::to_string_pretty(&document()).expect("JSON");
    written::compare("docs/reference/openapi.json", &format!("{text}\n"));
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator = settings
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let paths = paths(&mut generator);
    let mut schemas = generator.take_definitions(true);
    let status = &mut schemas["Outcome"]["properties"]["status"];
    status["enum"] = json!(["completed", "failed"]);
    let mut bodies = Vec::new();
    for kind in Kind::VARIANTS.iter().filter(|kind| !kind.is_internal()) {
        let name = format!("Command.{}", kind.as_str());
        bodies.push(json!({ "$ref": format!("{SCHEMAS}/{name}") }));
        schemas.insert(name, commands::schema(*kind));
    }
    schemas.insert("Command".to_owned(), json!({ "oneOf": bodies }));
    schemas.insert("Receipt".to_owned(), receipt());
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("UserToken".to_owned(), user_token());
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
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

/// The endpoints of the server, each with its operation.
fn paths(generator: &mut SchemaGenerator) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (method, path) in scrip::http::endpoints() {
        let operation = operation(generator, method, path);
        let operations = paths.entry(path).or_default();
        operations.insert(method.to_lowercase(), operation);
    }
    json!(paths)
}

fn operation(generator: &mut SchemaGenerator, method: &str, path: &str) -> Value {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| match name {
            "origin" => in_path(
                name,
                &json!({ "type": "string", "enum": ["usage", "funding"] }),
            ),
            _ => in_path(name, &id()),
        })
        .collect();
    let page_size = json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE });
    let count = json!({ "type": "integer", "minimum": 1, "maximum": MAX_AMOUNT });
    let index = json!({ "type": "integer", "minimum": 0 });
    let all = ("all", json!({ "type": "boolean" }), false);
    let origin = (
        "origin",
        json!({ "type": "string", "enum": ["usage", "funding"] }),
        false,
    );
    let (summary, own, result): (&str, Vec<(&str, Value, bool)>, Value) = match (method, path) {
        ("POST", "/v1/commands") => (
            "Publish a command",
            vec![origin],
            reference::<Outcome>(generator),
        ),
        ("POST", "/v1/commands/batch") => (
            "Publish up to 1,000 commands",
            vec![origin],
            results(generator),
        ),
        ("GET", "/v1/commands/{origin}/{reference}") => (
            "Read the stored outcome of a command",
            vec![],
            reference::<Outcome>(generator),
        ),
        ("GET", "/v1/users/{id}/balance") => (
            "Read a balance",
            vec![],
            reference::<BalanceResult>(generator),
        ),
        ("GET", "/v1/users/{id}/batches") => (
            "List batches in the order in which they are spent",
            vec![all],
            reference::<BatchesResult>(generator),
        ),
        ("GET", "/v1/users/{id}/holds") => (
            "List holds, the first to end first",
            vec![all],
            reference::<HoldsResult>(generator),
        ),
        ("GET", "/v1/users/{id}/transactions") => (
            "List transactions, newest first",
            vec![
                ("pageSize", page_size, false),
                ("cursor", json!({ "type": "string" }), false),
                ("pageIndex", index, false),
            ],
            reference::<TransactionsResult>(generator),
        ),
        ("POST", "/v1/users/{id}/token") => (
            "Make a token by which a browser reads what belongs to the user",
            vec![],
            json!({ "$ref": format!("{SCHEMAS}/UserToken") }),
        ),
        ("GET", "/v1/packages") => (
            "List the packages for sale",
            vec![],
            reference::<PackagesResult>(generator),
        ),
        ("GET", "/v1/price") => (
            "Read the price of a service",
            vec![("service", id(), true), ("quantity", count, false)],
            reference::<PriceResult>(generator),
        ),
        ("GET", "/v1/quote") => (
            "Read what a command would cost and use",
            vec![
                ("userId", id(), true),
                ("service", id(), true),
                ("amount", count.clone(), false),
                ("quantity", count, false),
            ],
            reference::<QuoteResult>(generator),
        ),
        ("POST", "/webhooks/creem" | "/webhooks/stripe") => (
            "Receive an event of a payment provider",
            vec![],
            webhook_result(),
        ),
        _ => panic!("describe {method} {path}"),
    };
    parameters.extend(own.into_iter().map(|(name, schema, required)| {
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    }));
    let mut operation = json!({
        "summary": summary,
        "responses": {
            "200": { "description": "The result.", "content": content(&result) },
            "default": {
                "description": "An error.",
                "content": {
                    "application/problem+json": {
                        "schema": { "$ref": format!("{SCHEMAS}/Problem") },
                    },
                },
            },
        },
    });
    if path.starts_with("/v1/commands") && method == "POST" {
        let (body, accepted) = if path == "/v1/commands" {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header", "schema": id(),
                "description": "The reference of a body without `referenceId`.",
            }));
            let command = json!({ "$ref": format!("{SCHEMAS}/Command") });
            (command, json!({ "$ref": format!("{SCHEMAS}/Receipt") }))
        } else {
            (batch(), results(generator))
        };
        parameters.push(json!({
            "name": "Prefer", "in": "header",
            "schema": { "type": "string", "pattern": "^wait=[0-9]+$" },
            "description": "`wait=N` waits up to N seconds for the outcome.",
        }));
        operation["requestBody"] = json!({ "required": true, "content": content(&body) });
        operation["responses"]["202"] = json!({
            "description": "The queue has confirmed the command.",
            "content": content(&accepted),
        });
    }
    if path.starts_with("/webhooks/") {
        let header = if path.ends_with("stripe") {
            "Stripe-Signature"
        } else {
            "creem-signature"
        };
        parameters.push(json!({
            "name": header, "in": "header", "required": true, "schema": { "type": "string" },
            "description": "The signature of the provider over the body.",
        }));
        let body = json!({ "type": "object" });
        operation["requestBody"] = json!({ "required": true, "content": content(&body) });
        operation["security"] = json!([]);
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    operation
}

fn in_path(name: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// A reference to the schema of a type of the SDK.
fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn batch() -> Value {
    let commands = json!({
        "type": "array", "minItems": 1, "maxItems": 1000,
        "items": { "$ref": format!("{SCHEMAS}/Command") },
    });
    object(&["commands"], [("commands", commands)])
}

fn results(generator: &mut SchemaGenerator) -> Value {
    let receipt = json!({ "$ref": format!("{SCHEMAS}/Receipt") });
    let one = json!({ "anyOf": [reference::<Outcome>(generator), receipt] });
    let results = json!({ "type": "array", "items": one });
    object(&["results"], [("results", results)])
}

fn receipt() -> Value {
    let fields = ["referenceId", "type", "userId", "origin", "status"];
    let text = || json!({ "type": "string" });
    let error = object(
        &["code", "message"],
        ["code", "message", "field"].map(|name| (name, text())),
    );
    let mut error = error.as_object().cloned().unwrap_or_default();
    let why = "Why a command of a batch is rejected.";
    error.insert("description".to_owned(), why.into());
    let properties = fields.map(|name| {
        let schema = match name {
            "origin" => json!({ "type": "string", "enum": ["usage", "funding"] }),
            "status" => json!({ "type": "string", "enum": ["accepted", "rejected"] }),
            _ => text(),
        };
        (name, schema)
    });
    let error = [("error", Value::from(error))];
    object(&fields, properties.into_iter().chain(error))
}

fn problem() -> Value {
    let text = || json!({ "type": "string" });
    object(
        &["type", "title", "status", "code", "detail"],
        [
            ("type", text()),
            ("title", text()),
            ("status", json!({ "type": "integer" })),
            ("code", text()),
            ("detail", text()),
            ("field", text()),
            ("index", json!({ "type": "integer", "minimum": 0 })),
        ],
    )
}

fn webhook_result() -> Value {
    let status = json!({ "type": "string", "enum": ["applied", "ignored", "unmapped"] });
    object(&["status"], [("status", status)])
}

fn user_token() -> Value {
    let text = || json!({ "type": "string" });
    let instant = json!({ "type": "string", "format": "date-time" });
    object(
        &["userId", "token", "expiresAt"],
        [
            ("userId", text()),
            ("token", text()),
            ("expiresAt", instant),
        ],
    )
}

fn object<'a>(required: &[&str], properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: BTreeMap<&str, Value> = properties.into_iter().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES })
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
    let purchase = &document["components"]["schemas"]["Command.purchase"];
    assert_eq!(purchase["oneOf"].as_array().map(Vec::len), Some(3));
}
