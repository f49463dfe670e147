//! The operations of the HTTP API: parameters, bodies and responses of each endpoint.

use producer_sdk::contract::{MAX_AMOUNT, Outcome};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::{responses, schema};
use schema::{cursor, known_id, named, object, origin, queries, reference};

/// An operation as a row: its name, what it does, its own parameters (name, schema, whether it is
/// required), its result, and the statuses of its problems besides those of every operation.
struct Row {
    id: &'static str,
    summary: &'static str,
    parameters: Vec<(&'static str, Value, bool)>,
    result: Value,
    problems: &'static [u16],
}

/// The operation of an endpoint.
pub fn operation(generator: &mut SchemaGenerator, method: &str, path: &str) -> Value {
    let row = row(generator, method, path);
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| match name {
            "origin" => parameter("path", name, true, &origin()),
            _ => parameter("path", name, true, &known_id()),
        })
        .collect();
    let own = row.parameters.iter();
    parameters.extend(own.map(|(name, schema, needed)| parameter("query", name, *needed, schema)));
    let mut operation = json!({
        "operationId": row.id,
        "summary": row.summary,
        "responses": responses::of(&row.result, row.problems),
    });
    match path {
        "/v1/commands" => command(&mut operation, &mut parameters),
        "/v1/commands/batch" => batch(&mut operation, &mut parameters, &row.result),
        "/v1/users/{id}/transactions" => {
            operation["responses"]["200"]["links"] = json!({ "nextPage": {
                "operationId": row.id,
                "parameters": { "id": "$request.path.id", "cursor": "$response.body#/nextCursor" },
            } });
        }
        "/webhooks/creem" => webhook(&mut operation, &mut parameters, "creem-signature"),
        "/webhooks/stripe" => webhook(&mut operation, &mut parameters, "Stripe-Signature"),
        _ => {}
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    operation
}

fn row(generator: &mut SchemaGenerator, method: &str, path: &str) -> Row {
    let count = || json!({ "type": "integer", "minimum": 1, "maximum": MAX_AMOUNT });
    let all = || vec![("all", json!({ "type": "boolean" }), false)];
    let (id, summary, parameters, result, problems): (_, _, Vec<_>, _, &[u16]) =
        match (method, path) {
            ("POST", "/v1/commands") => (
                "publishCommand",
                "Publish a command",
                vec![("origin", origin(), false)],
                reference::<Outcome>(generator),
                &[400, 403, 408, 413],
            ),
            ("POST", "/v1/commands/batch") => (
                "publishBatch",
                "Publish up to 1,000 commands",
                vec![("origin", origin(), false)],
                results(generator),
                &[400, 403, 408, 413],
            ),
            ("GET", "/v1/commands/{origin}/{reference}") => (
                "readOutcome",
                "Read the stored outcome of a command",
                vec![],
                reference::<Outcome>(generator),
                &[400, 403, 404],
            ),
            ("GET", "/v1/users/{id}/balance") => (
                "readBalance",
                "Read a balance",
                vec![],
                queries::result(generator, "balance"),
                &[400, 403, 404],
            ),
            ("GET", "/v1/users/{id}/batches") => (
                "listBatches",
                "List batches in the order in which they are spent",
                all(),
                queries::result(generator, "batches"),
                &[400, 403, 404],
            ),
            ("GET", "/v1/users/{id}/holds") => (
                "listHolds",
                "List holds, the first to end first",
                all(),
                queries::result(generator, "holds"),
                &[400, 403, 404],
            ),
            ("GET", "/v1/users/{id}/transactions") => (
                "listTransactions",
                "List transactions, newest first",
                vec![
                    ("pageSize", queries::page_size(), false),
                    ("cursor", cursor(), false),
                    ("pageIndex", queries::page_index(), false),
                ],
                queries::result(generator, "transactions"),
                &[400, 403, 404],
            ),
            ("POST", "/v1/users/{id}/token") => (
                "makeUserToken",
                "Make a token by which a browser reads what belongs to the user",
                vec![],
                named("UserToken"),
                &[400, 403, 404],
            ),
            ("GET", "/v1/packages") => (
                "listPackages",
                "List the packages for sale",
                vec![],
                queries::result(generator, "packages"),
                &[400],
            ),
            ("GET", "/v1/price") => (
                "readPrice",
                "Read the price of a service",
                vec![("service", known_id(), true), ("quantity", count(), false)],
                queries::result(generator, "price"),
                &[400, 403, 404],
            ),
            ("GET", "/v1/quote") => (
                "readQuote",
                "Read what a command would cost and use",
                vec![
                    ("userId", known_id(), true),
                    ("service", known_id(), true),
                    ("amount", count(), false),
                    ("quantity", count(), false),
                ],
                queries::result(generator, "quote"),
                &[400, 403, 404],
            ),
            ("POST", "/webhooks/creem") => (
                "receiveCreemEvent",
                "Receive an event of Creem",
                vec![],
                responses::webhook(),
                &[400, 404, 408, 413],
            ),
            ("POST", "/webhooks/stripe") => (
                "receiveStripeEvent",
                "Receive an event of Stripe",
                vec![],
                responses::webhook(),
                &[400, 404, 408, 413],
            ),
            _ => panic!("describe {method} {path}"),
        };
    Row {
        id,
        summary,
        parameters,
        result,
        problems,
    }
}

fn parameter(place: &str, name: &str, required: bool, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

/// A command: its body, its headers, and the receipt.
fn command(operation: &mut Value, parameters: &mut Vec<Value>) {
    parameters.push(json!({
        "name": "Idempotency-Key", "in": "header", "schema": schema::id(),
        "description": "The reference of a body without `referenceId`, as it is or in quotes. If \
                        the body has one, too, they must be equal.",
    }));
    parameters.push(prefer());
    parameters.push(json!({
        "name": "traceparent", "in": "header", "schema": schema::text(),
        "description": "The W3C trace context, passed on with the command. One that cannot be \
                        read is ignored.",
    }));
    let body = named("Command");
    operation["requestBody"] = json!({
        "required": true, "content": responses::json_content(&body),
        "description": "With `Idempotency-Key`, `referenceId` may be absent.",
    });
    let receipt = named("Receipt");
    let links = |links: &[(&str, &str, Value)]| -> Value {
        let links = links.iter().map(|(name, operation, parameters)| {
            let link = json!({ "operationId": operation, "parameters": parameters });
            ((*name).to_owned(), link)
        });
        links.collect::<serde_json::Map<_, _>>().into()
    };
    let user = json!({ "id": "$response.body#/userId" });
    let of_user = [
        ("balance", "readBalance", user.clone()),
        ("batches", "listBatches", user.clone()),
        ("holds", "listHolds", user.clone()),
        ("transactions", "listTransactions", user),
    ];
    let stored = json!({
        "origin": "$response.body#/origin", "reference": "$response.body#/referenceId",
    });
    let responses = &mut operation["responses"];
    responses["200"]["headers"] = responses::preference_applied();
    responses["200"]["links"] = links(&of_user);
    responses["202"] = responses::accepted(&receipt);
    responses["202"]["headers"]["Location"] = json!({
        "required": true,
        "description": "The path of the stored outcome.",
        "schema": { "type": "string", "format": "uri-reference" },
    });
    responses["202"]["links"] = links(&[("outcome", "readOutcome", stored)]);
}

/// A batch: its body, its headers, and the results.
fn batch(operation: &mut Value, parameters: &mut Vec<Value>, results: &Value) {
    parameters.push(prefer());
    let commands = json!({
        "type": "array", "minItems": 1, "maxItems": 1000, "items": named("Command"),
    });
    let mut body = object(&["commands"], [("commands", commands)]);
    body["additionalProperties"] = false.into();
    operation["requestBody"] =
        json!({ "required": true, "content": responses::json_content(&body) });
    operation["responses"]["200"]["headers"] = responses::preference_applied();
    operation["responses"]["202"] = responses::accepted(results);
}

/// RFC 7240 requires a server to ignore preferences that it does not know, so any text is allowed.
fn prefer() -> Value {
    json!({
        "name": "Prefer", "in": "header", "schema": schema::text(),
        "description": "`wait=N` waits up to N seconds for the outcome. Other preferences are \
                        ignored.",
    })
}

fn webhook(operation: &mut Value, parameters: &mut Vec<Value>, header: &str) {
    parameters.push(json!({
        "name": header, "in": "header", "required": true, "schema": schema::text(),
        "description": "The signature of the provider over the body.",
    }));
    let body = json!({ "type": "object" });
    operation["requestBody"] =
        json!({ "required": true, "content": responses::json_content(&body) });
    operation["security"] = json!([]);
    // No token, no rate.
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.remove("401");
        responses.remove("429");
    }
}

fn results(generator: &mut SchemaGenerator) -> Value {
    let one = json!({ "anyOf": [reference::<Outcome>(generator), named("Receipt")] });
    let results = json!({ "type": "array", "items": one });
    object(&["results"], [("results", results)])
}
