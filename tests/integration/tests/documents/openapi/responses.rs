//! The responses of the HTTP API: results, receipts and problems, with their headers.

use serde_json::{Map, Value, json};

use super::schema::{self, named, names, object, text};

/// The statuses of problems: the name of the response, when it is sent, and its headers.
const PROBLEMS: [(u16, &str, &str); 9] = [
    (
        400,
        "BadRequest",
        "A parameter or the body cannot be understood.",
    ),
    (401, "Unauthorized", "There is no valid token."),
    (
        403,
        "Forbidden",
        "The token or the sender does not have the right.",
    ),
    (
        404,
        "NotFound",
        "The ledger or the configuration has no such thing.",
    ),
    (408, "RequestTimeout", "The body was not received in time."),
    (
        413,
        "ContentTooLarge",
        "The body or a command is too large.",
    ),
    (429, "TooManyRequests", "The token exceeds its rate."),
    (
        500,
        "InternalServerError",
        "A defect of the server; its log has the reason.",
    ),
    (
        503,
        "ServiceUnavailable",
        "The server cannot answer now. Send the request again.",
    ),
];

/// The problems that every operation may have.
const ALWAYS: [u16; 4] = [401, 429, 500, 503];

/// The responses of an operation: a result, or one of these problems.
pub fn of(result: &Value, problems: &[u16]) -> Value {
    let mut responses = Map::new();
    let result = json!({ "description": "The result.", "content": json_content(result) });
    responses.insert("200".to_owned(), result);
    for (status, name, _) in PROBLEMS {
        if problems.contains(&status) || ALWAYS.contains(&status) {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            responses.insert(status.to_string(), reference);
        }
    }
    responses.into()
}

/// The responses with problems, by name.
pub fn problems() -> Map<String, Value> {
    let header = |schema: Value, description: &str| json!({ "required": true, "schema": schema, "description": description });
    let problem = |(status, name, description): (u16, &str, &str)| {
        let content = json!({ "application/problem+json": { "schema": named("Problem") } });
        let mut response = json!({ "description": description, "content": content });
        match status {
            401 => {
                let challenge = header(text(), "The scheme `Bearer`.");
                response["headers"] = json!({ "WWW-Authenticate": challenge });
            }
            429 | 503 => {
                let seconds = json!({ "type": "integer", "minimum": 1 });
                let after = header(seconds, "Seconds until the request may succeed.");
                response["headers"] = json!({ "Retry-After": after });
            }
            _ => {}
        }
        (name.to_owned(), response)
    };
    PROBLEMS.into_iter().map(problem).collect()
}

/// A body of JSON with this schema.
pub fn json_content(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// The response to commands whose outcomes are not known yet.
pub fn accepted(schema: &Value) -> Value {
    json!({
        "description": "The queue has confirmed the command.",
        "content": json_content(schema),
        "headers": preference_applied(),
    })
}

/// The header that says how long the server waited at most.
pub fn preference_applied() -> Value {
    json!({ "Preference-Applied": {
        "description": "`wait=N`, if the server waited for the outcome.",
        "schema": { "type": "string", "pattern": "^wait=[0-9]+$" },
    } })
}

pub fn receipt() -> Value {
    let error = object(
        &["code", "message"],
        ["code", "message", "field"].map(|name| (name, text())),
    );
    let mut error = error.as_object().cloned().unwrap_or_default();
    let why = "Why a command of a batch is rejected.";
    error.insert("description".to_owned(), why.into());
    let fields = ["referenceId", "type", "userId", "origin", "status"];
    let properties = fields.map(|name| {
        let schema = match name {
            "origin" => schema::origin(),
            "status" => names(["accepted", "rejected"]),
            _ => text(),
        };
        (name, schema)
    });
    let error = [("error", Value::from(error))];
    object(&fields, properties.into_iter().chain(error))
}

pub fn problem() -> Value {
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

/// What became of an event of a payment provider.
pub fn webhook() -> Value {
    let status = names(["applied", "ignored", "unmapped"]);
    object(&["status"], [("status", status)])
}

pub fn user_token() -> Value {
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
