//! `GET` of balances, batches, transactions, holds, prices, packages and quotes.
//!
//! Each request becomes a query of the contract and is answered as on the query queue, so both have
//! the same checks and results.

use std::time::Duration;

use axum::{
    Extension,
    extract::{
        Path, Query as Parameters, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::Response,
};
use producer_sdk::contract::{Answer, AnswerError, Query, Rejection, RejectionCode, Reply};
use serde_json::Value;

use super::{auth::Caller, problem::Problem, response, state::Api};
use crate::queries;

/// Maximum time for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Most rows of `batches?all=true` and `holds?all=true`, so that the size of a response is bounded.
pub const MOST_ROWS: u32 = 1000;
/// Parameters that are numbers or booleans in the contract. All others are texts.
const NUMBERS: [&str; 4] = ["pageIndex", "pageSize", "amount", "quantity"];
const BOOLEANS: [&str; 1] = ["all"];

/// The parameters of a request.
pub type Pairs = Result<Parameters<Vec<(String, String)>>, QueryRejection>;
/// The user id in a path, percent-decoded.
pub type UserId = Result<Path<String>, PathRejection>;

/// Defines a handler that answers one kind of query about a user.
macro_rules! of_user {
    ($name:ident, $kind:literal, $what:literal) => {
        #[doc = concat!("Answers with ", $what, " of a user.")]
        pub async fn $name(
            State(api): State<Api>,
            Extension(caller): Extension<Caller>,
            user_id: UserId,
            parameters: Pairs,
        ) -> Result<Response, Problem> {
            let user_id = path(user_id)?;
            caller.admit_user(&user_id)?;
            answer(&api, &caller, &body($kind, Some(user_id), parameters)?).await
        }
    };
}

/// Defines a handler that answers one kind of query that names its user, if any, in a parameter.
macro_rules! of_parameters {
    ($name:ident, $kind:literal, $what:literal) => {
        #[doc = concat!("Answers with ", $what, ".")]
        pub async fn $name(
            State(api): State<Api>,
            Extension(caller): Extension<Caller>,
            parameters: Pairs,
        ) -> Result<Response, Problem> {
            answer(&api, &caller, &body($kind, None, parameters)?).await
        }
    };
}

of_user!(balance, "balance", "the balance");
of_user!(batches, "batches", "the batches");
of_user!(holds, "holds", "the holds");
of_user!(transactions, "transactions", "a page of the transactions");
of_parameters!(price, "price", "the price of a service");
of_parameters!(packages, "packages", "the packages for sale");
of_parameters!(quote, "quote", "what a command would cost a user");

/// The user id in a path.
pub fn path(user_id: UserId) -> Result<String, Problem> {
    let Path(user_id) = user_id.map_err(|error| unreadable(&error.body_text()))?;
    Ok(user_id)
}

/// The problem of a path or a query that is not valid UTF-8 after percent-decoding.
pub fn unreadable(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_url", why)
}

/// The body of a query of the contract, which checks names and values.
fn body(kind: &str, user_id: Option<String>, parameters: Pairs) -> Result<Vec<u8>, Problem> {
    let Parameters(parameters) = parameters.map_err(|error| unreadable(&error.body_text()))?;
    let mut fields = vec![("type".to_owned(), Value::from(kind))];
    fields.extend(user_id.map(|id| ("userId".to_owned(), Value::from(id))));
    let given = parameters.into_iter().map(|(name, text)| {
        let value = value(&name, text);
        (name, value)
    });
    fields.extend(given);
    // Written by hand, so that the contract finds a parameter that occurs twice.
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(name)))
        .collect();
    Ok(format!("{{{}}}", fields.join(",")).into_bytes())
}

/// The value of a parameter. A text that is no number stays a text, which the contract refuses.
fn value(name: &str, text: String) -> Value {
    let number = || text.parse::<i64>().ok().map(Value::from);
    let boolean = || text.parse::<bool>().ok().map(Value::from);
    let read = match name {
        // A `+` in a query means a space. No cursor has a space.
        "cursor" => Some(Value::from(text.replace(' ', "+"))),
        _ if NUMBERS.contains(&name) => number(),
        _ if BOOLEANS.contains(&name) => boolean(),
        _ => None,
    };
    read.unwrap_or_else(|| Value::from(text))
}

async fn answer(api: &Api, caller: &Caller, body: &[u8]) -> Result<Response, Problem> {
    let mut refused = None;
    let check = |query: &Query| {
        caller.admit_query(query).map_err(|problem| {
            let rejection = Rejection {
                code: RejectionCode::ForbiddenSender,
                message: problem.detail.clone(),
                field: problem.field.clone(),
            };
            refused = Some(problem);
            rejection
        })
    };
    let (handler, clock) = (&api.0.query_handler, &api.0.clock);
    let reply = queries::answer(handler, body, check, clock, ANSWER_WITHIN).await;
    match reply {
        Reply::Answer(Answer {
            result: Ok(result), ..
        }) => Ok(response::json(StatusCode::OK, &result)),
        Reply::Answer(Answer {
            result: Err(error), ..
        }) => Err(no_result(error)),
        Reply::Rejected(rejection) => Err(refused.unwrap_or_else(|| rejection.into())),
        Reply::Outcome(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the query was answered with an outcome",
        )),
    }
}

/// The problem of a query without a result.
fn no_result(error: AnswerError) -> Problem {
    let status = match error.code.as_str() {
        "unavailable" => return Problem::unavailable("unavailable", error.message),
        "wallet_not_found" | "unknown_service" => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, error.code, error.message)
}
