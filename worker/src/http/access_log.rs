//! The access log and the metrics of requests. A log line has no user id, no query and no secret.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tracing::info;

use super::{auth::Caller, endpoints::name_of, state::Api};

/// Logs and counts a request.
pub async fn log(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let route = name_of(request.method(), path.map(MatchedPath::as_str));
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    api.0.counters.served(route, status, took);
    let caller = response.extensions().get::<Caller>();
    let token = caller.map(|caller| match caller {
        Caller::Token(token) => token.id.simple().to_string(),
        Caller::User(_) => "user".to_owned(),
    });
    let duration_ms = took.as_millis();
    info!(route, status, duration_ms, token, "HTTP request");
    response
}
