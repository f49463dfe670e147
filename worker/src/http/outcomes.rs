//! `GET /v1/commands/{origin}/{reference}`: the stored outcome of a command.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use producer_sdk::contract::Origin;
use tokio::time::timeout;
use tracing::warn;

use super::{
    auth::Caller, commands::sent_through, problem::Problem, queries::unreadable, response,
    state::Api,
};
use crate::pipeline::chain;

/// Maximum length of a stored reference, in bytes.
const MAX_REFERENCE_BYTES: usize = 255;
/// Maximum time to read an outcome.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Answers with the stored outcome. A command that is not stored and one of a user outside of the
/// token's scope look the same.
pub async fn get(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let role = caller.token()?.role;
    let Path((origin, reference)) = path.map_err(|error| unreadable(&error.body_text()))?;
    let origin = sent_through(&origin)?;
    if !role.origins().contains(&origin) {
        let detail = format!(
            "a token with the role `{}` sees no outcomes of the origin `{}`",
            role.as_str(),
            origin.as_str()
        );
        return Err(Problem::forbidden("forbidden_role", detail, "origin"));
    }
    // No stored reference is longer or has such characters, and PostgreSQL refuses U+0000.
    if reference.len() > MAX_REFERENCE_BYTES || reference.chars().any(char::is_control) {
        return Err(unknown(origin));
    }
    let parts = &api.0;
    let sender = parts.sender.as_deref();
    let stored = parts.store.stored_outcome(origin, &reference, sender);
    let error = match timeout(READ_WITHIN, stored).await {
        Ok(Ok(Some(outcome))) if caller.admit_user(&outcome.user_id).is_ok() => {
            return Ok(response::json(StatusCode::OK, &outcome));
        }
        Ok(Ok(_)) => return Err(unknown(origin)),
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("no answer within {READ_WITHIN:?}"),
    };
    warn!(error, "outcome cannot be read");
    let detail = "the ledger cannot be read now; retry later";
    Err(Problem::unavailable("unavailable", detail))
}

fn unknown(origin: Origin) -> Problem {
    let detail = format!(
        "no outcome with this reference of the origin `{}` is stored: the command was not applied \
         yet, was not sent, or its refusal is not stored",
        origin.as_str()
    );
    Problem::new(StatusCode::NOT_FOUND, "outcome_not_found", detail)
}
