//! `POST /v1/commands/batch`: publishes up to 1,000 commands in their order.
//!
//! All commands are checked before the first is published. A batch of which some commands were not
//! confirmed is sent again as a whole: those that were confirmed are replayed.

use std::{fmt, time::Duration};

use axum::{
    Extension,
    extract::{Query as Parameters, Request, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use futures_util::future::join_all;
use producer_sdk::{
    Command, Outcome,
    contract::{MAX_BODY_BYTES, Rejection},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{
    auth::Caller,
    body,
    commands::{self, Receipt},
    counters::Accepted,
    prefer,
    problem::Problem,
    publisher::{self, Seats, Sent},
    response,
    state::Api,
};

/// Maximum of commands in a batch.
pub const MAX_COMMANDS: usize = 1000;

/// The body of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    commands: Commands<'a>,
}

/// The commands of a batch, not more than [`MAX_COMMANDS`].
struct Commands<'a>(Vec<&'a RawValue>);

/// The result of one command.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every result is an outcome"
)]
enum Item {
    Decided(Outcome),
    Rejected(Refusal),
    Accepted(Receipt),
}

/// A command that the worker does not accept, for example because of `[senders.limits]`.
#[derive(Debug, Serialize)]
struct Refusal {
    #[serde(flatten)]
    receipt: Receipt,
    error: Rejection,
}

/// The body of the response: one result for each command, in their order.
#[derive(Debug, Serialize)]
struct Results {
    results: Vec<Item>,
}

/// Publishes the commands. Answers after the confirms of the queue, or with the outcomes.
pub async fn post(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    parameters: Result<Parameters<Vec<(String, String)>>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = caller.token()?.id;
    let origin = commands::origin(parameters)?;
    let parts = &api.0;
    let within = parts.request_timeout();
    let Ok(Ok(permit)) = timeout(within, parts.batches.acquire()).await else {
        let detail = "too many batches are being received; send the batch again";
        return Err(Problem::unavailable("overloaded", detail));
    };
    let (head, body) = request.into_parts();
    let body = body::read(body, parts.settings.max_body, within).await?;
    let mut commands = Vec::new();
    for (index, raw) in read(&body)?.into_iter().enumerate() {
        let command = Command::from_json(raw.get().as_bytes()).map_err(Problem::from);
        let command = command.and_then(|command| caller.admit(command, origin));
        commands.push(command.map_err(|problem| problem.at(index))?);
    }
    parts.rates.charge(id, commands.len() - 1);
    drop(body);
    let wait = prefer::wait(&head.headers, parts.settings.max_wait);
    let seats = wait.and_then(|wait| Some((wait, parts.publisher.seats(commands.len())?)));
    match seats {
        None => publish(&api, &commands).await,
        Some((wait, seats)) => {
            // The body is not in memory any more. Others need not wait for the outcomes.
            drop(permit);
            send(&api, &commands, wait, seats).await
        }
    }
}

/// The commands in a body, at least one.
fn read(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(|error| {
        let detail = format!(
            "the body must be {{\"commands\": [...]}} with 1 to {MAX_COMMANDS} commands: {error}"
        );
        Problem {
            field: Some("commands".to_owned()),
            ..Problem::new(StatusCode::BAD_REQUEST, "invalid_batch", detail)
        }
    })?;
    let Commands(commands) = batch.commands;
    if let Some(index) = commands
        .iter()
        .position(|one| one.get().len() > MAX_BODY_BYTES)
    {
        let detail = format!("a command must have at most {MAX_BODY_BYTES} bytes");
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail);
        return Err(problem.at(index));
    }
    Ok(commands)
}

async fn publish(api: &Api, commands: &[Command]) -> Result<Response, Problem> {
    let handles = api.0.publisher.enqueue(commands).await?;
    let confirms = join_all(handles).await;
    let confirmed = confirms.iter().filter(|confirm| confirm.is_ok()).count();
    api.0.counters.count(Accepted::Confirmed, confirmed);
    for confirm in confirms {
        confirm.map_err(|error| incomplete(publisher::problem(&error), confirmed, commands))?;
    }
    let results = commands
        .iter()
        .map(|command| Item::Accepted(Receipt::new(command)));
    let results = results.collect();
    Ok(response::json(StatusCode::ACCEPTED, &Results { results }))
}

async fn send(
    api: &Api,
    commands: &[Command],
    wait: Duration,
    seats: Seats,
) -> Result<Response, Problem> {
    let sent = api.0.publisher.send_all(commands, wait, seats).await?;
    let taken = sent.iter().filter(|sent| sent.is_ok()).count();
    let mut results = Vec::with_capacity(commands.len());
    let (mut accepted, mut unconfirmed) = (0, None);
    for (command, sent) in commands.iter().zip(sent) {
        let receipt = Receipt::new(command);
        results.push(match sent {
            Ok(Sent::Decided(outcome)) => Item::Decided(outcome),
            Ok(Sent::Rejected(error)) => Item::Rejected(Refusal {
                receipt: Receipt {
                    status: "rejected",
                    ..receipt
                },
                error,
            }),
            Ok(Sent::Accepted) => {
                accepted += 1;
                Item::Accepted(receipt)
            }
            Err(problem) => {
                unconfirmed.get_or_insert(problem);
                continue;
            }
        });
    }
    let counters = &api.0.counters;
    counters.count(Accepted::Decided, taken - accepted);
    counters.count(Accepted::Confirmed, accepted);
    if let Some(problem) = unconfirmed {
        return Err(incomplete(problem, taken, commands));
    }
    let status = if accepted == 0 {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = response::json(status, &Results { results });
    commands::applied(&mut response, wait);
    Ok(response)
}

/// The problem of a batch that was accepted in part.
fn incomplete(problem: Problem, confirmed: usize, commands: &[Command]) -> Problem {
    let detail = format!(
        "{confirmed} of {} commands were accepted: {}",
        commands.len(),
        problem.detail
    );
    Problem { detail, ..problem }
}

impl<'de: 'a, 'a> Deserialize<'de> for Commands<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CommandsVisitor)
    }
}

struct CommandsVisitor;

impl<'de> Visitor<'de> for CommandsVisitor {
    type Value = Commands<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of 1 to {MAX_COMMANDS} commands")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut commands = Vec::new();
        while let Some(command) = items.next_element()? {
            if commands.len() == MAX_COMMANDS {
                let more = format!("got more than {MAX_COMMANDS} commands");
                return Err(A::Error::custom(more));
            }
            commands.push(command);
        }
        if commands.is_empty() {
            return Err(A::Error::custom("got no command"));
        }
        Ok(Commands(commands))
    }
}
