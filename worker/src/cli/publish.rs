//! `scrip publish`: publishes one command.

mod args;
mod unanswered;
mod unknown;

use std::{process::ExitCode, time::Duration};

use producer_sdk::{Client, Command, Outcome, Producer, contract::Kind};
use serde_json::{Map, Value, json};
use tracing::warn;

pub use args::Args;
use args::{Publication, Sending};

use super::{
    audit::{Ending, Entry, Intention},
    context::Context,
    failure::Failure,
    print::{self, escape},
    show,
    signals::Signals,
};
use crate::{audit_log::OperatorAction, config::SecretUrl};

const CONNECTION: &str = "scrip publish";

/// The result of a command that was published.
enum Sent {
    /// The broker confirmed the command.
    Confirmed,
    /// The ledger decided the command.
    Decided(Box<Outcome>),
}

/// Publishes the command and waits for the confirm, or with `--wait` for the outcome.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Publication {
        command,
        sending,
        actor,
    } = args.command()?;
    command
        .check()
        .map_err(|rejection| Failure::from(rejection).as_usage())?;
    let mut signals = Signals::listen()?;
    let url = context.queue_url().await?;
    unknown::warn(context, &command);
    let entry = Entry::begin_where_configured(context, &actor, intention(&command)).await?;
    let sent = tokio::select! {
        sent = send(context, &url, &command, &sending) => sent,
        signal = signals.next() => Err(unanswered::interrupted(&command, signal)),
    };
    let ending = sent.as_ref().map(ending).unwrap_or_default();
    let recorded = entry.end(&sent, ending).await;
    let code = match sent? {
        Sent::Confirmed => print_confirm(context, &command)?,
        Sent::Decided(outcome) => print_outcome(context, &outcome)?,
    };
    recorded?;
    Ok(code)
}

async fn send(
    context: &Context,
    url: &SecretUrl,
    command: &Command,
    sending: &Sending,
) -> Result<Sent, Failure> {
    let options = context.settings.client_options(CONNECTION);
    if sending.wait {
        let deadline = Duration::from_secs(sending.timeout);
        let client = Client::connect(url.expose(), options)
            .await
            .map_err(|error| unconnected(url, error))?;
        let sent = client.send_within(command, deadline).await;
        warn_if_unclosed(client.close().await);
        return match sent {
            Ok(outcome) => Ok(Sent::Decided(Box::new(outcome))),
            Err(error) => Err(unanswered::explain(context, url, command, error).await),
        };
    }
    let producer = Producer::connect(url.expose(), options)
        .await
        .map_err(|error| unconnected(url, error))?;
    let published = producer.publish(command).await;
    warn_if_unclosed(producer.close().await);
    match published {
        Ok(()) => Ok(Sent::Confirmed),
        Err(error) => Err(unanswered::explain(context, url, command, error).await),
    }
}

/// Logs an error of closing the connection. It is no failure of the command, which already has its
/// confirm, its outcome or its own error.
pub fn warn_if_unclosed(closed: Result<(), producer_sdk::Error>) {
    if let Err(error) = closed {
        warn!(%error, "connection to the broker not closed cleanly");
    }
}

/// The entry of the audit log for a command. It omits `description` and `metadata`, which may be
/// long and personal.
fn intention(command: &Command) -> Intention {
    let body: Value = serde_json::from_slice(&command.to_json()).unwrap_or_default();
    let fields = body.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| !matches!(name.as_str(), "description" | "metadata"));
    let fields: Map<String, Value> = fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut detail = Map::new();
    detail.insert("command".to_owned(), Value::Object(fields));
    Intention {
        action: match command.kind() {
            Kind::Revoke => OperatorAction::Revoke,
            Kind::Reinstate => OperatorAction::Reinstate,
            Kind::Forgive => OperatorAction::Forgive,
            Kind::Freeze => OperatorAction::Freeze,
            Kind::Unfreeze => OperatorAction::Unfreeze,
            _ => OperatorAction::Publish,
        },
        subject: Some(command.reference_id.clone()),
        user_id: Some(command.user_id.clone()),
        detail,
    }
}

fn ending(sent: &Sent) -> Ending {
    match sent {
        Sent::Confirmed => Ending {
            completed: true,
            detail: json!({ "confirmed": true }),
        },
        Sent::Decided(outcome) => Ending {
            completed: outcome.is_completed(),
            detail: match &outcome.error {
                None => json!({ "amount": outcome.amount, "replayed": outcome.replayed }),
                Some(error) => json!({ "code": error.code, "replayed": outcome.replayed }),
            },
        },
    }
}

/// The failure of a producer or client that cannot connect to the queue.
pub fn unconnected(url: &SecretUrl, error: producer_sdk::Error) -> Failure {
    let failure = Failure::cannot(format_args!("connect to {url}"), error);
    if url.expose().starts_with("amqp") {
        failure.with_advice(
            "start RabbitMQ there, or correct host, user, password and virtual host in `AMQP_URL`",
        )
    } else {
        failure
    }
}

fn print_confirm(context: &Context, command: &Command) -> Result<ExitCode, Failure> {
    let (kind, reference) = (command.kind().as_str(), &command.reference_id);
    if context.json {
        print::json(&json!({
            "confirmed": true,
            "type": kind,
            "referenceId": reference,
            "userId": command.user_id,
        }))?;
    } else {
        let (reference, user) = (escape(reference), escape(&command.user_id));
        print::line(&format!("confirmed: {kind} {reference} for {user}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_outcome(context: &Context, outcome: &Outcome) -> Result<ExitCode, Failure> {
    if context.json {
        print::json(outcome)?;
    } else {
        print::line(&summary(outcome))?;
    }
    Ok(ExitCode::from(u8::from(!outcome.is_completed())))
}

/// An outcome as one line of text.
pub fn summary(outcome: &Outcome) -> String {
    let mut parts = match &outcome.error {
        None => vec![format!(
            "completed: {}",
            show::signed_credits(outcome.amount.unwrap_or_default())
        )],
        Some(error) => vec![format!(
            "refused: {}: {}",
            error.code,
            escape(&error.message)
        )],
    };
    if let Some(balance) = outcome.balance {
        parts.push(format!("balance {}", show::credits(balance)));
    }
    if let Some(available) = outcome.available {
        parts.push(format!("available {}", show::credits(available)));
    }
    if let Some(held) = outcome.held {
        parts.push(format!("held {}", show::credits(held)));
    }
    if let Some(uncaptured) = outcome.uncaptured {
        let credits = show::counted(uncaptured.into(), "credit");
        parts.push(format!("uncaptured: {credits} were not available"));
    }
    for (name, credits) in [
        ("revoked", outcome.revoked),
        ("taken", outcome.taken),
        ("owed", outcome.indebted),
        ("restored", outcome.restored),
        ("cancelled", outcome.cancelled),
        ("forgiven", outcome.forgiven),
        ("repaid", outcome.repaid),
        ("debt", outcome.debt),
    ] {
        if let Some(credits) = credits {
            parts.push(format!("{name} {}", show::credits(credits)));
        }
    }
    if outcome.default_price == Some(true) {
        parts.push("default price (the service has no price)".to_owned());
    }
    if let Some(clipped) = outcome.clipped {
        parts.push(format!(
            "clipped: {} did not fit under the balance cap",
            show::counted(clipped.into(), "credit")
        ));
    }
    if outcome.stale == Some(true) {
        parts.push("stale (a later event was already known)".to_owned());
    }
    if let Some(skipped) = &outcome.skipped {
        parts.push(format!("skipped: {skipped}"));
    }
    if outcome.replayed {
        parts.push("replayed (decided before)".to_owned());
    }
    parts.join(", ")
}
