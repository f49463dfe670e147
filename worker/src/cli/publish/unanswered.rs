//! The failures of `scrip publish`: the state of the command after an error, and what to do.

use producer_sdk::{Command, Error, contract::bucket};

use crate::{
    cli::{context::Context, failure::Failure, print::escape},
    config::{Backend, SecretUrl},
    transport::{amqp, embedded},
};

/// The failure for a command that was not sent, not confirmed or not answered.
pub async fn explain(
    context: &Context,
    url: &SecretUrl,
    command: &Command,
    error: Error,
) -> Failure {
    let reference = escape(&command.reference_id);
    match error {
        Error::NoReply { after, confirmed } => {
            let text = format!("no outcome of {reference} within {after:?}");
            let state = if confirmed {
                "is safe in the queue"
            } else {
                "was not confirmed and may be in the queue"
            };
            Failure::new(text).with_advice(format!(
                "the command {state}{}; publish it again with --reference {reference} to get its \
                 outcome: it is applied once",
                unserved(context, url, command).await
            ))
        }
        Error::Rejected(rejection) => {
            let text = format!("{reference} was rejected: {rejection}");
            Failure::new(text).with_advice(format!(
                "nothing was applied; the message is a dead letter (scrip dead show {reference})"
            ))
        }
        error @ Error::Refused { .. } => failed(command, error).with_advice(
            "if the exchange is missing, start a worker or run `scrip topology declare`; if a \
             permission is missing, `scrip topology permissions` lists those of each kind of user",
        ),
        error @ Error::Unconfirmed { .. } => failed(command, error).with_advice(format!(
            "the command may be in the queue; it is safe to publish it again with --reference \
             {reference}"
        )),
        error => failed(command, error),
    }
}

/// The failure for a command that a signal interrupted before its outcome was known.
pub fn interrupted(command: &Command, signal: &str) -> Failure {
    let reference = escape(&command.reference_id);
    Failure::new(format!(
        "stopped by {signal} before the outcome of {reference} was known"
    ))
    .with_advice(format!(
        "the command may be in the queue and may still be applied; it is safe to publish it again \
         with --reference {reference}, which returns its outcome"
    ))
}

fn failed(command: &Command, error: Error) -> Failure {
    Failure::cannot(format_args!("publish {}", command.reference_id), error)
}

/// A part of a sentence that says that no worker serves the queue of the command; empty if a worker
/// serves it, or if that is unknown.
async fn unserved(context: &Context, url: &SecretUrl, command: &Command) -> &'static str {
    let is_served = match context.settings.backend() {
        Ok(Backend::Embedded { .. }) => match context.ledger().await {
            Ok(store) => embedded::is_served(store.connection()).await.ok(),
            Err(_) => None,
        },
        _ => match context.settings.topology() {
            Ok(topology) => {
                let queue = topology.commands(topology.shard_of(bucket(&command.user_id)));
                amqp::is_served_at(url.expose(), &queue).await.ok()
            }
            Err(_) => None,
        },
    };
    match is_served {
        Some(false) => ", but no worker serves that queue: start one with `scrip run`",
        Some(true) | None => "",
    }
}
