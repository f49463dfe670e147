//! `POST /v1/users/{id}/token`: makes a user token.

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use producer_sdk::contract::Query;
use serde::Serialize;

use super::{
    auth::Caller,
    problem::Problem,
    queries::{UserId, path},
    response,
    state::Api,
    user_token,
};

/// A new user token.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserToken {
    user_id: String,
    token: String,
    /// The first instant at which it is not valid any more.
    expires_at: DateTime<Utc>,
}

/// Answers with a token by which a browser reads what belongs to the user.
pub async fn post(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    user_id: UserId,
) -> Result<Response, Problem> {
    caller.token()?;
    let user_id = path(user_id)?;
    caller.admit_user(&user_id)?;
    Query::balance(user_id.as_str()).check()?;
    let settings = &api.0.settings;
    let Some(secret) = &settings.user_token_secret else {
        let detail = "user tokens are off: the server needs `http.user_token_secret`";
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "user_tokens_off",
            detail,
        ));
    };
    let validity = TimeDelta::from_std(settings.user_token_validity).unwrap_or_default();
    // Tokens end at a whole second.
    let expires_at = (api.0.clock.now() + validity).timestamp();
    let expires_at = DateTime::from_timestamp(expires_at, 0).unwrap_or_default();
    let token = user_token::sign(secret, &user_id, expires_at);
    Ok(response::json(
        StatusCode::OK,
        &UserToken {
            user_id,
            token,
            expires_at,
        },
    ))
}
