//! `scrip payments`: events of payment providers, and what is known about their objects.

mod dismiss;
mod reconcile;
mod replay;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows, escape},
    show, values,
};
use crate::payments::{
    Provider,
    tables::{self, Filter, Stored, StoredStatus},
};

const LIST_EXAMPLES: &str = "\
Examples:
  scrip payments list --status UNMAPPED
  scrip payments list --provider stripe --user ada --json";

/// Show, link, replay and dismiss events of payment providers, and compare their exports
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Link(Box<replay::LinkArgs>),
    Replay(replay::ReplayArgs),
    Dismiss(dismiss::Args),
    Reconcile(reconcile::Args),
}

/// List the events of payment providers, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListArgs {
    /// Only events of this provider: creem or stripe
    #[arg(long, value_name = "PROVIDER", value_parser = values::name_of::<Provider>())]
    provider: Option<Provider>,
    /// Only events with this status: APPLIED, IGNORED, RECEIVED or UNMAPPED
    #[arg(long, value_name = "STATUS", value_parser = values::name_of::<StoredStatus>())]
    status: Option<StoredStatus>,
    /// Only events of this user
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    user: Option<String>,
    /// Only events with this reason, such as no_user
    #[arg(long, value_name = "REASON", allow_hyphen_values = true)]
    reason: Option<String>,
    /// Maximum number of events, 1 to 10000
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    limit: u32,
}

/// Show an event of a payment provider with its body
///
/// Exit code 1 if there is no such event.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip payments show stripe evt_1")]
pub struct ShowArgs {
    /// Provider: creem or stripe
    #[arg(value_parser = values::name_of::<Provider>())]
    provider: Provider,
    /// The provider's id of the event
    #[arg(allow_hyphen_values = true)]
    event: String,
}

/// Runs a subcommand.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(args) => list(context, args).await,
        Command::Show(args) => show_event(context, args).await,
        Command::Link(args) => replay::link(context, *args).await,
        Command::Replay(args) => replay::run(context, args).await,
        Command::Dismiss(args) => dismiss::run(context, args).await,
        Command::Reconcile(args) => reconcile::run(context, args).await,
    }
}

async fn list(context: &Context, args: ListArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let filter = Filter {
        provider: args.provider,
        status: args.status,
        user: args.user,
        reason: args.reason,
    };
    let events = tables::list(&store, &filter, args.limit).await?;
    if context.json {
        let events: Vec<Value> = events.iter().map(facts).collect();
        print::json(&events)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&[
        "received",
        "provider",
        "event",
        "kind",
        "status",
        "reason",
        "user",
        "waits for",
    ]);
    for event in &events {
        rows.push([
            show::instant(event.received_at),
            event.provider.as_str().to_owned(),
            event.event_id.clone(),
            event.kind.clone(),
            event.status.as_str().to_owned(),
            event.reason.clone().unwrap_or_default(),
            event.user_id.clone().unwrap_or_default(),
            event.waits_for.clone().unwrap_or_default(),
        ]);
    }
    rows.print()?;
    Ok(ExitCode::SUCCESS)
}

async fn show_event(context: &Context, args: ShowArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let found = tables::find(&store, args.provider, &args.event).await?;
    let event = found.ok_or_else(|| {
        Failure::new(format!(
            "there is no event {:?} of {}",
            args.event,
            args.provider.as_str()
        ))
        .with_advice("`scrip payments list` shows the ids")
    })?;
    let mut facts = facts(&event);
    if context.json {
        facts["body"] = serde_json::from_str(&event.body).unwrap_or_default();
        print::json(&facts)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value) in facts.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned);
        if !value.is_null() {
            print::line(&format!("{name}: {}", escape(&text)))?;
        }
    }
    print::line(&format!("body: {}", print::escape_json(&event.body)))?;
    Ok(ExitCode::SUCCESS)
}

fn facts(event: &Stored) -> Value {
    json!({
        "id": event.id,
        "provider": event.provider.as_str(),
        "eventId": event.event_id,
        "kind": event.kind,
        "status": event.status.as_str(),
        "reason": event.reason,
        "detail": event.detail,
        "waitsFor": event.waits_for,
        "userId": event.user_id,
        "references": event.references,
        "occurredAt": event.occurred_at,
        "receivedAt": event.received_at,
        "updatedAt": event.updated_at,
    })
}
