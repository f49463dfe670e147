//! `scrip publish`: one command into the queue.

mod args;

use std::{process::ExitCode, time::Duration};

use producer_sdk::{Client, Command, Options, Outcome, Producer};
use serde_json::json;

pub use args::Args;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
    show,
};

const CONNECTION: &str = "scrip publish";

/// Publishes the command; waits for the confirm, or for the outcome.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let (command, sending) = args.command()?;
    command.check()?;
    let url = context.queue_url().await?;
    let options = options(context, CONNECTION);
    if let Some(deadline) = sending.wait.then_some(Duration::from_secs(sending.timeout)) {
        let client = Client::connect(url.expose(), options)
            .await
            .doing(format!("connect to {url}"))?;
        let sent = client.send_within(&command, deadline).await;
        let closed = client.close().await;
        let outcome = sent.doing(format!("learn what became of {}", command.reference_id))?;
        closed?;
        return told(context, &outcome);
    }
    let producer = Producer::connect(url.expose(), options)
        .await
        .doing(format!("connect to {url}"))?;
    let published = producer.publish(&command).await;
    let closed = producer.close().await;
    published.doing(format!("publish {}", command.reference_id))?;
    closed?;
    confirmed(context, &command)?;
    Ok(ExitCode::SUCCESS)
}

/// How producers and clients of the command line behave.
pub fn options(context: &Context, connection_name: &str) -> Options {
    Options {
        namespace: context.settings.namespace.clone(),
        connection_name: connection_name.to_owned(),
        ..Options::default()
    }
}

fn confirmed(context: &Context, command: &Command) -> Result<(), Failure> {
    let (kind, reference) = (command.kind().as_str(), &command.reference_id);
    if context.json {
        let confirmed =
            json!({ "confirmed": true, "type": kind, "referenceId": reference, "userId": command.user_id });
        print::json(&confirmed)?;
    } else {
        let (reference, user) = (escape(reference), escape(&command.user_id));
        print::line(&format!("confirmed: {kind} {reference} for {user}"))?;
    }
    Ok(())
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
