//! Who sends a request: checked before anything else of the request is read.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use producer_sdk::contract::{Command, Origin, Query};

use super::{
    problem::Problem,
    rate,
    state::Api,
    tokens::{Token, TokenError, TokenText},
    user_token,
};

/// The sender of a request, with its rights.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A program with a token.
    Token(Arc<Token>),
    /// A user, who may read what belongs to them.
    User(String),
}

impl Caller {
    /// The token of the caller, which may publish. A user may not.
    pub fn token(&self) -> Result<&Arc<Token>, Problem> {
        match self {
            Self::Token(token) => Ok(token),
            Self::User(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden_role",
                "a user token may only read what belongs to its user",
            )),
        }
    }

    /// Checks that the caller may send a command, and sets its origin: `origin`, or the first one
    /// that both the command and the token allow.
    pub fn admit(&self, command: Command, origin: Option<Origin>) -> Result<Command, Problem> {
        let token = self.token()?;
        token.scope.check_command(&command)?;
        let role = token.role;
        let allowed = role.origins();
        let candidates = command.origins().iter().copied();
        let chosen = match origin {
            Some(origin) => {
                command.check_origin(origin)?;
                allowed.contains(&origin).then_some(origin)
            }
            None => candidates.clone().find(|origin| allowed.contains(origin)),
        };
        let Some(chosen) = chosen else {
            let detail = format!(
                "`type` \"{}\" must be sent through {}, and a token with the role `{}` sends \
                 through {} only",
                command.kind().as_str(),
                names(candidates),
                role.as_str(),
                names(allowed.iter().copied()),
            );
            return Err(Problem::forbidden("forbidden_role", detail, "type"));
        };
        Ok(command.through(chosen))
    }

    /// Checks that the caller may send a query.
    pub fn admit_query(&self, query: &Query) -> Result<(), Problem> {
        match self {
            Self::Token(token) => token.scope.check_query(query),
            Self::User(_) => query
                .user_id()
                .map_or(Ok(()), |user_id| self.admit_user(user_id)),
        }
    }

    /// Checks that the caller may see a user.
    pub fn admit_user(&self, user_id: &str) -> Result<(), Problem> {
        match self {
            Self::Token(token) => token.scope.check_user(user_id),
            Self::User(own) if own == user_id => Ok(()),
            Self::User(_) => {
                let detail = "the user token belongs to another user";
                Err(Problem::outside_scope(detail, "userId"))
            }
        }
    }
}

fn names(origins: impl Iterator<Item = Origin>) -> String {
    let names: Vec<String> = origins.map(|one| format!("`{}`", one.as_str())).collect();
    names.join(" or ")
}

/// Refuses a request without a valid token, and one that exceeds the rate of its token.
pub async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    match caller(&api, request.headers()).await {
        Ok(caller) => {
            let mut response = match enter(&api, &caller) {
                Ok(()) => {
                    request.extensions_mut().insert(caller.clone());
                    next.run(request).await
                }
                Err(problem) => problem.into_response(),
            };
            // For the access log.
            response.extensions_mut().insert(caller);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn caller(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let Some(text) = value.and_then(bearer).filter(|_| values.next().is_none()) else {
        let detail = "the request needs the header `Authorization: Bearer TOKEN` once; \
                      `scrip token create` makes a token";
        return Err(Problem::no_token(detail));
    };
    let invalid = || Problem::invalid_token("the token is unknown, expired or revoked");
    let (settings, now) = (&api.0.settings, api.0.clock.now());
    if let Some(text) = TokenText::parse(text) {
        let checked = api.0.tokens.check(&text, now).await;
        let token = checked.map_err(|error| match error {
            TokenError::Invalid => invalid(),
            TokenError::Unavailable => {
                let detail = "the token cannot be checked now; retry later";
                Problem::unavailable("unavailable", detail)
            }
        })?;
        Ok(Caller::Token(token))
    } else {
        let secret = settings.user_token_secret.as_ref().ok_or_else(invalid)?;
        let user = user_token::verify(secret, text, now).ok_or_else(invalid)?;
        Ok(Caller::User(user))
    }
}

/// Refuses a request that exceeds the rate of its token.
fn enter(api: &Api, caller: &Caller) -> Result<(), Problem> {
    let (id, rate) = match caller {
        Caller::Token(token) => (token.id, token.rate),
        Caller::User(user) => (rate::id_of(user), None),
    };
    if let Some(rate) = rate.or(api.0.settings.rate) {
        let entered = api.0.rates.enter(id, rate, Instant::now());
        entered.map_err(|after| Problem {
            retry_after: Some(after),
            ..Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                format!("the token may send {rate} requests per second; retry later"),
            )
        })?;
    }
    Ok(())
}

/// The token of a header `Bearer TOKEN`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
