//! The endpoints of the server, by the names that logs and metrics use.

use axum::http::Method;

/// The routes of the API: method, path, and both as one text for logs and metrics.
static NAMES: [(Method, &str, &str); 13] = [
    (Method::POST, "/v1/commands", "POST /v1/commands"),
    (
        Method::POST,
        "/v1/commands/batch",
        "POST /v1/commands/batch",
    ),
    (
        Method::GET,
        "/v1/commands/{origin}/{reference}",
        "GET /v1/commands/{origin}/{reference}",
    ),
    (
        Method::GET,
        "/v1/users/{id}/balance",
        "GET /v1/users/{id}/balance",
    ),
    (
        Method::GET,
        "/v1/users/{id}/batches",
        "GET /v1/users/{id}/batches",
    ),
    (
        Method::GET,
        "/v1/users/{id}/holds",
        "GET /v1/users/{id}/holds",
    ),
    (
        Method::GET,
        "/v1/users/{id}/transactions",
        "GET /v1/users/{id}/transactions",
    ),
    (
        Method::POST,
        "/v1/users/{id}/token",
        "POST /v1/users/{id}/token",
    ),
    (Method::GET, "/v1/packages", "GET /v1/packages"),
    (Method::GET, "/v1/price", "GET /v1/price"),
    (Method::GET, "/v1/quote", "GET /v1/quote"),
    (Method::POST, "/webhooks/creem", "POST /webhooks/creem"),
    (Method::POST, "/webhooks/stripe", "POST /webhooks/stripe"),
];

/// Method and path of each endpoint.
pub fn endpoints() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.iter().filter_map(|(.., name)| name.split_once(' '))
}

/// The name of a route: one of a closed list, so that no request can add a label to the metrics.
pub fn name_of(method: &Method, path: Option<&str>) -> &'static str {
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let mut named = NAMES.iter();
    let found = named.find(|(one, route, _)| one == method && Some(*route) == path);
    found.map_or("other", |(.., name)| name)
}
