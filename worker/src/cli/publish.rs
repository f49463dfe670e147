//! `scrip publish`: one command into the queue.

mod args;

use std::{process::ExitCode, time::Duration};

use producer_sdk::{Client, Command, Options, Outcome, Producer, contract::Kind};
use serde_json::{Map, Value, json};
use tracing::warn;

pub use args::Args;
use args::{Publication, Sending};

use super::{
    audit::{Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
    show,
};
use crate::{config::SecretUrl, store::OperatorAction};

const CONNECTION: &str = "scrip publish";

/// What is known of a command that was published.
enum Sent {
    /// The broker has it.
    Confirmed,
    /// The ledger decided it.
    Decided(Box<Outcome>),
}

/// Publishes the command; waits for the confirm, or for the outcome.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Publication {
        command,
        sending,
        actor,
    } = args.command()?;
    command.check()?;
    let url = context.queue_url().await?;
    let entry = Entry::begin_where_configured(context, &actor, intention(&command)).await?;
    let sent = send(context, &url, &command, &sending).await;
    let ending = sent.as_ref().map(ending).unwrap_or_default();
    let recorded = entry.end(&sent, ending).await;
    let code = match sent? {
        Sent::Confirmed => confirmed(context, &command)?,
        Sent::Decided(outcome) => told(context, &outcome)?,
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
    let options = options(context, CONNECTION);
    if sending.wait {
        let deadline = Duration::from_secs(sending.timeout);
        let client = Client::connect(url.expose(), options)
            .await
            .doing(format!("connect to {url}"))?;
        let sent = client.send_within(command, deadline).await;
        warn_if_unclosed(client.close().await);
        let outcome = sent.doing(format!("learn what became of {}", command.reference_id))?;
        return Ok(Sent::Decided(Box::new(outcome)));
    }
    let producer = Producer::connect(url.expose(), options)
        .await
        .doing(format!("connect to {url}"))?;
    let published = producer.publish(command).await;
    warn_if_unclosed(producer.close().await);
    published.doing(format!("publish {}", command.reference_id))?;
    Ok(Sent::Confirmed)
}

/// Everything that was sent has its confirm or its outcome, or an error of its own; how the connection ended changes
/// nothing of that.
pub fn warn_if_unclosed(closed: Result<(), producer_sdk::Error>) {
    if let Err(error) = closed {
        warn!(%error, "the connection to the broker was not closed in order");
    }
}

/// What the audit log keeps of a command: everything but `description` and `metadata`, which may be long and personal.
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

/// How producers and clients of the command line behave.
pub fn options(context: &Context, connection_name: &str) -> Options {
    Options {
        namespace: context.settings.namespace.clone(),
        connection_name: connection_name.to_owned(),
        name_sender: context.settings.name_sender,
        ..Options::default()
    }
}

fn confirmed(context: &Context, command: &Command) -> Result<ExitCode, Failure> {
    let (kind, reference) = (command.kind().as_str(), &command.reference_id);
    if context.json {
        let confirmed =
            json!({ "confirmed": true, "type": kind, "referenceId": reference, "userId": command.user_id });
        print::json(&confirmed)?;
    } else {
        let (reference, user) = (escape(reference), escape(&command.user_id));
        print::line(&format!("confirmed: {kind} {reference} for {user}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(context: &Context, outcome: &Outcome) -> Result<ExitCode, Failure> {
    if context.json {
        print::json(outcome)?;
    } else {
        print::line(&summary(outcome))?;
    }
    Ok(ExitCode::from(u8::from(!outcome.is_completed())))
}

/// An outcome in a line.
pub fn summary(outcome: &Outcome) -> String {
    let mut parts = match &outcome.error {
        None => vec![format!(
            "completed: {} credits",
            show::signed(outcome.amount.unwrap_or_default())
        )],
        Some(error) => vec![format!("refused: {}: {}", error.code, escape(&error.message))],
    };
    if let Some(balance) = outcome.balance {
        parts.push(format!("balance {}", show::credits(balance)));
    }
    if let Some(available) = outcome.available {
        parts.push(format!("available {}", show::credits(available)));
    }
    if outcome.default_price == Some(true) {
        parts.push("default price (the service has no price)".to_owned());
    }
    if let Some(clipped) = outcome.clipped {
        parts.push(format!(
            "clipped: {} credits did not fit under the balance cap",
            show::credits(clipped)
        ));
    }
    if outcome.stale == Some(true) {
        parts.push("stale (something later was known already)".to_owned());
    }
    if let Some(skipped) = &outcome.skipped {
        parts.push(format!("skipped: {skipped}"));
    }
    if outcome.replayed {
        parts.push("replayed (it had been decided before)".to_owned());
    }
    parts.join(", ")
}
