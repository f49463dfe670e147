//! `POST /webhooks/{provider}`: events of payment providers.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::CONNECTION},
    response::{IntoResponse, Response},
};
use producer_sdk::Command;
use tokio::time::timeout;
use tracing::warn;

use super::{body, problem::Problem, publisher::Publisher, response, state::Api};
use crate::{
    payments::{
        Event, MAX_EVENT_BYTES, Provider,
        service::{self, Publish, ServiceError},
        signature::{self, SignatureError},
    },
    pipeline::chain,
};

const STRIPE_SIGNATURE: &str = "Stripe-Signature";
const CREEM_SIGNATURE: &str = "creem-signature";
const CLOSE: HeaderValue = HeaderValue::from_static("close");

impl Publish for Publisher {
    type Error = Problem;

    async fn publish(&self, command: &Command) -> Result<(), Problem> {
        Self::publish(self, command).await
    }
}

/// Receives an event of Stripe.
pub async fn stripe(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    receive(api, Provider::Stripe, request).await
}

/// Receives an event of Creem.
pub async fn creem(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    receive(api, Provider::Creem, request).await
}

/// Answers with 200 after the queue confirmed the commands of the event, or the event was stored
/// with the reason why it has none.
async fn receive(api: Api, provider: Provider, request: Request) -> Result<Response, Problem> {
    let parts = &api.0;
    let (head, body) = request.into_parts();
    // Without a signature that may be valid, the body is not read.
    if let Err(problem) = check(&api, provider, &head.headers, None) {
        let mut response = problem.into_response();
        response.headers_mut().insert(CONNECTION, CLOSE);
        return Ok(response);
    }
    let within = parts.request_timeout();
    let Ok(Ok(permit)) = timeout(within, parts.webhooks.acquire()).await else {
        let detail = "too many events are being received; send the event again";
        return Err(Problem::unavailable("overloaded", detail));
    };
    let bytes = body::read(body, MAX_EVENT_BYTES, within).await?;
    check(&api, provider, &head.headers, Some(&bytes))?;
    let invalid = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "invalid_event", detail);
    let text = String::from_utf8(bytes).map_err(|_| invalid("the body is not JSON in UTF-8"))?;
    let event = Event::read(provider, &text).map_err(|error| invalid(&error.to_string()))?;
    drop(permit);
    // A client that disconnects must not cancel the work between its steps.
    let processed = tokio::spawn(async move { process(&api, &event, &text).await }).await;
    processed.unwrap_or_else(|error| {
        let error = error.to_string();
        warn!(error, "payment event not processed");
        Err(unavailable())
    })
}

async fn process(api: &Api, event: &Event, text: &str) -> Result<Response, Problem> {
    let parts = &api.0;
    let (rules, publisher) = (&parts.payment_rules, &parts.publisher);
    let received = service::receive(&parts.store, rules, event, text, publisher).await;
    let counters = &parts.counters.payments();
    match received {
        Ok(status) => {
            counters.count(event.provider, &event.kind, status.as_str());
            let status = status.as_str().to_lowercase();
            Ok(response::json(
                StatusCode::OK,
                &serde_json::json!({ "status": status }),
            ))
        }
        Err(error) => {
            counters.count(event.provider, &event.kind, "FAILED");
            Err(problem(error))
        }
    }
}

fn unavailable() -> Problem {
    let detail = "the event cannot be stored now; send it again";
    Problem::unavailable("unavailable", detail)
}

fn problem(error: ServiceError<Problem>) -> Problem {
    match error {
        ServiceError::Publish(problem) => problem,
        ServiceError::Store(error) => {
            let error = chain(&error);
            warn!(error, "payment event not stored");
            unavailable()
        }
        ServiceError::GrantPending => {
            let detail = "the ledger has no grant of the payment yet; send the event again";
            Problem::unavailable("grant_pending", detail)
        }
    }
}

/// Checks the signature over the bytes of the body, or only its header if there are none yet.
fn check(
    api: &Api,
    provider: Provider,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Result<(), Problem> {
    let payments = &api.0.payment_rules.settings;
    let name = match provider {
        Provider::Stripe => STRIPE_SIGNATURE,
        Provider::Creem => CREEM_SIGNATURE,
    };
    let mut values = headers.get_all(name).into_iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let value = value
        .filter(|_| values.next().is_none())
        .unwrap_or_default();
    let checked = match provider {
        Provider::Stripe => {
            let (now, tolerance) = (api.0.clock.now(), payments.stripe.tolerance);
            signature::read_stripe(value, tolerance, now).and_then(|signed| match body {
                Some(body) => signed.check(body, &payments.stripe.secrets),
                None => Ok(()),
            })
        }
        Provider::Creem => signature::read_creem(value).and_then(|signed| match body {
            Some(body) => signed.check(body, &payments.creem.secrets),
            None => Ok(()),
        }),
    };
    checked.map_err(|error| {
        let code = match error {
            SignatureError::Stale(_) => "stale_signature",
            SignatureError::Malformed(_) | SignatureError::Wrong => "invalid_signature",
        };
        Problem {
            field: Some(name.to_owned()),
            ..Problem::new(StatusCode::BAD_REQUEST, code, error.to_string())
        }
    })
}
