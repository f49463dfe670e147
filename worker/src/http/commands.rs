//! `POST /v1/commands`: publishes one command.

use std::{slice, time::Duration};

use axum::{
    Extension,
    extract::{Query as Parameters, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::LOCATION},
    response::Response,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use producer_sdk::{
    Command, Outcome,
    contract::{MAX_BODY_BYTES, Origin},
};
use serde::Serialize;

use super::{
    auth::Caller, body, counters::Accepted, idempotency, prefer, problem::Problem, publisher::Sent,
    response, state::Api,
};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const TRACEPARENT: &str = "traceparent";

/// A command that the queue has: its outcome follows later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The reference of the command.
    pub reference_id: String,
    /// The `type` of the command.
    pub r#type: &'static str,
    /// The user who owns the wallet.
    pub user_id: String,
    /// The origin through which it was sent. With the reference it names the outcome.
    pub origin: &'static str,
    /// `accepted`; in a batch also `rejected`.
    pub status: &'static str,
}

impl Receipt {
    /// The receipt of a command.
    pub fn new(command: &Command) -> Self {
        Self {
            reference_id: command.reference_id.clone(),
            r#type: command.kind().as_str(),
            user_id: command.user_id.clone(),
            origin: command.origin().as_str(),
            status: "accepted",
        }
    }
}

/// Publishes the command. Answers after the confirm of the queue, or with the outcome.
pub async fn post(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    parameters: Result<Parameters<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    caller.token()?;
    let origin = origin(parameters)?;
    let (head, body) = request.into_parts();
    let parts = &api.0;
    let body = body::read(body, MAX_BODY_BYTES, parts.request_timeout()).await?;
    let body = idempotency::with_reference(body, &head.headers)?;
    let mut command = Command::from_json(&body)?;
    command.traceparent = traceparent(&head.headers);
    let command = caller.admit(command, origin)?;
    let wait = prefer::wait(&head.headers, parts.settings.max_wait);
    let seats = wait.and_then(|wait| Some((wait, parts.publisher.seats(1)?)));
    let Some((wait, seats)) = seats else {
        parts.publisher.publish(&command).await?;
        parts.counters.count(Accepted::Confirmed, 1);
        return Ok(accepted(&command, None));
    };
    let commands = slice::from_ref(&command);
    let sent = parts.publisher.send_all(commands, wait, seats).await?;
    match sent.into_iter().next().transpose()? {
        Some(Sent::Decided(outcome)) => {
            parts.counters.count(Accepted::Decided, 1);
            Ok(decided(&outcome, wait))
        }
        Some(Sent::Rejected(rejection)) => Err(rejection.into()),
        Some(Sent::Accepted) | None => {
            parts.counters.count(Accepted::Confirmed, 1);
            Ok(accepted(&command, Some(wait)))
        }
    }
}

/// The parameter `origin`, which selects the origin if token and command allow several.
pub fn origin(
    parameters: Result<Parameters<Vec<(String, String)>>, QueryRejection>,
) -> Result<Option<Origin>, Problem> {
    let Parameters(parameters) = parameters.map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_query", error.body_text())
    })?;
    let mut origin = None;
    for (name, value) in parameters {
        if name != "origin" || origin.is_some() {
            let detail = format!(
                "`{name}` is not a parameter here, or it occurs twice; allowed \
                                  is `origin`"
            );
            return Err(Problem::invalid(&name, detail));
        }
        origin = Some(sent_through(&value)?);
    }
    Ok(origin)
}

/// An origin of apps and bridges, by its name.
pub fn sent_through(name: &str) -> Result<Origin, Problem> {
    let origin = name.parse().ok().filter(|one| *one != Origin::Internal);
    origin.ok_or_else(|| {
        let found = serde_json::Value::from(name);
        Problem::invalid(
            "origin",
            format!("`origin` must be \"usage\" or \"funding\", got {found}"),
        )
    })
}

/// The trace context of the request. One that the contract does not allow is ignored, as the W3C
/// requires.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let is_allowed = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    is_allowed.then(|| text.to_owned())
}

fn decided(outcome: &Outcome, wait: Duration) -> Response {
    let mut response = response::json(StatusCode::OK, outcome);
    applied(&mut response, wait);
    response
}

fn accepted(command: &Command, wait: Option<Duration>) -> Response {
    let receipt = Receipt::new(command);
    let mut response = response::json(StatusCode::ACCEPTED, &receipt);
    let reference = utf8_percent_encode(&receipt.reference_id, NON_ALPHANUMERIC);
    let location = format!("/v1/commands/{}/{reference}", receipt.origin);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Some(wait) = wait {
        applied(&mut response, wait);
    }
    response
}

/// Says that the server has waited, and for how long at most.
pub fn applied(response: &mut Response, wait: Duration) {
    if let Ok(applied) = HeaderValue::try_from(format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
}
