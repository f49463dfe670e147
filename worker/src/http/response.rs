//! JSON responses.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Balances change at any time, and a cache must not keep what a token protects.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A response with a JSON body.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Serialising structs with text keys cannot fail.
    json_text(status, serde_json::to_vec(value).unwrap_or_default())
}

/// A response with a body that is JSON already.
pub fn json_text(status: StatusCode, text: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}
