//! Errors as problem details (RFC 9457), with a code and the field that caused the error.

use std::time::Duration;

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use producer_sdk::contract::{Rejection, RejectionCode};
use serde::Serialize;

use super::response::NO_STORE;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const NO_TOKEN: HeaderValue = HeaderValue::from_static("Bearer");
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// An error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// A name for programs.
    pub code: String,
    /// A sentence for people: what was found and what is allowed.
    pub detail: String,
    /// The field, parameter or header that caused the error.
    pub field: Option<String>,
    /// The number of the command in its batch, from 0.
    pub index: Option<usize>,
    /// When the same request may succeed.
    pub retry_after: Option<Duration>,
}

/// The body of a problem.
#[derive(Serialize)]
struct Details<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

impl Problem {
    /// A problem without a field.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            field: None,
            index: None,
            retry_after: None,
        }
    }

    /// A value of the request is not allowed.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_field", detail)
        }
    }

    /// The request has no token.
    pub fn no_token(detail: impl Into<String>) -> Self {
        Self {
            field: Some("Authorization".to_owned()),
            ..Self::invalid_token(detail)
        }
    }

    /// The token of the request is not valid.
    pub fn invalid_token(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
    }

    /// The token does not have the right.
    pub fn forbidden(code: &str, detail: impl Into<String>, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::FORBIDDEN, code, detail)
        }
    }

    /// The request names a user or a service outside of the token's scope.
    pub fn outside_scope(detail: impl Into<String>, field: &str) -> Self {
        Self::forbidden("outside_scope", detail, field)
    }

    /// The server cannot answer now. The same request is safe to send again.
    pub fn unavailable(code: &str, detail: impl Into<String>) -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    /// Names the command of a batch that caused the problem.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    /// The body.
    fn to_json(&self) -> Vec<u8> {
        let details = Details {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: &self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
            index: self.index,
        };
        // Serialising a struct of texts and numbers cannot fail.
        serde_json::to_vec(&details).unwrap_or_default()
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.code {
            RejectionCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RejectionCode::ForbiddenExchange | RejectionCode::ForbiddenSender => {
                StatusCode::FORBIDDEN
            }
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            field: rejection.field,
            ..Self::new(status, rejection.code.as_str(), rejection.message)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        // A cache must not keep it: a later request may succeed.
        headers.insert(CACHE_CONTROL, NO_STORE);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750: the error is named only if there was a token.
            let challenge = match self.field {
                Some(_) => NO_TOKEN,
                None => INVALID_TOKEN,
            };
            headers.insert(WWW_AUTHENTICATE, challenge);
            // A client without a token does not keep the place of a connection.
            headers.insert(CONNECTION, CLOSE);
        }
        if let Some(after) = self.retry_after {
            let seconds = after.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
