//! The routes of the server.

use axum::{
    Router,
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};

use super::{
    access_log, auth, batch, commands, outcomes, problem::Problem, queries, state::Api,
    user_tokens, webhooks,
};
use crate::config;

/// The router of the server.
pub fn router(api: &Api) -> Router {
    let settings = &api.0.settings;
    let mut routes = if settings.api { v1(api) } else { Router::new() };
    let payments = &api.0.payment_rules.settings;
    if !payments.stripe.secrets.is_empty() {
        let stripe = post(webhooks::stripe).with_state(api.clone());
        routes = routes.route("/webhooks/stripe", stripe);
    }
    if !payments.creem.secrets.is_empty() {
        let creem = post(webhooks::creem).with_state(api.clone());
        routes = routes.route("/webhooks/creem", creem);
    }
    routes
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(cors(settings))
        .layer(from_fn_with_state(api.clone(), access_log::log))
        .layer(CatchPanicLayer::custom(|_| {
            let detail = "the server failed; the log has the reason";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", detail).into_response()
        }))
}

fn v1(api: &Api) -> Router {
    Router::new()
        .route("/v1/commands", post(commands::post))
        .route("/v1/commands/batch", post(batch::post))
        .route("/v1/commands/{origin}/{reference}", get(outcomes::get))
        .route("/v1/users/{id}/balance", get(queries::balance))
        .route("/v1/users/{id}/batches", get(queries::batches))
        .route("/v1/users/{id}/holds", get(queries::holds))
        .route("/v1/users/{id}/transactions", get(queries::transactions))
        .route("/v1/users/{id}/token", post(user_tokens::post))
        .route("/v1/packages", get(queries::packages))
        .route("/v1/price", get(queries::price))
        .route("/v1/quote", get(queries::quote))
        .route_layer(from_fn_with_state(api.clone(), auth::authenticate))
        .with_state(api.clone())
}

async fn unknown_path() -> Problem {
    let detail = "there is no such path; the API is under /v1";
    Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail)
}

async fn unknown_method(method: Method) -> Problem {
    let detail = format!("the path does not allow the method {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", detail)
}

/// The answer to browsers: which pages may call the API.
fn cors(settings: &config::Http) -> CorsLayer {
    let origins = &settings.cors_origins;
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let values = origins.iter();
        AllowOrigin::list(values.filter_map(|origin| HeaderValue::try_from(origin).ok()))
    };
    let header = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            header("idempotency-key"),
            header("prefer"),
            header("traceparent"),
        ])
        .expose_headers([LOCATION, RETRY_AFTER, header("preference-applied")])
}
