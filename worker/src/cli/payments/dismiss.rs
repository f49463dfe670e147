//! `scrip payments dismiss`: closes an event that is not to be mapped.

use std::process::ExitCode;

use chrono::Utc;
use serde_json::{Map, json};

use super::super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::Failure,
    print, values,
};
use crate::{
    audit_log::OperatorAction,
    payments::{
        Provider,
        tables::{self, Outcome, StoredStatus},
    },
};

const MAX_REASON: usize = 500;

/// Close an event of a payment provider that is not to be mapped, such as one that was settled by
/// hand
///
/// The event becomes IGNORED with the reason `dismissed`, and is never mapped again. Exit code 1 if
/// there is no such event, or it is finished.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip payments dismiss stripe evt_1 --reason 'revoked by hand, ticket 12'")]
pub struct Args {
    /// Provider: creem or stripe
    #[arg(value_parser = values::name_of::<Provider>())]
    provider: Provider,
    /// The provider's id of the event
    #[arg(allow_hyphen_values = true)]
    event: String,
    /// Why it is not mapped, 1 to 500 bytes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = reason)]
    reason: String,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Closes the event.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let mut detail = Map::new();
    detail.insert("provider".to_owned(), args.provider.as_str().into());
    detail.insert("reason".to_owned(), args.reason.as_str().into());
    let intention = Intention {
        action: OperatorAction::PaymentDismiss,
        subject: Some(args.event.chars().take(60).collect()),
        user_id: None,
        detail,
    };
    let entry = Entry::begin(context, &args.actor, intention).await?;
    let done = dismiss(context, &args).await;
    let ending = Ending {
        completed: done.is_ok(),
        detail: json!({}),
    };
    let recorded = entry.end(&done, ending).await;
    done?;
    if context.json {
        print::json(&json!({ "dismissed": true }))?;
    } else {
        print::line("dismissed")?;
    }
    recorded?;
    Ok(ExitCode::SUCCESS)
}

async fn dismiss(context: &Context, args: &Args) -> Result<(), Failure> {
    let store = context.ledger().await?;
    let advice = "`scrip payments list --status UNMAPPED` shows the open events";
    let found = tables::find(&store, args.provider, &args.event).await?;
    let event = found.ok_or_else(|| {
        let (provider, event) = (args.provider.as_str(), &args.event);
        Failure::new(format!("there is no event {event:?} of {provider}")).with_advice(advice)
    })?;
    let outcome = Outcome {
        reason: Some("dismissed"),
        detail: Some(args.reason.clone()),
        ..Outcome::new(StoredStatus::Ignored)
    };
    if event.status.is_final() || !tables::finish(&store, &event, &outcome, Utc::now()).await? {
        let text = format!("the event {:?} is finished already", args.event);
        return Err(Failure::new(text).with_advice(advice));
    }
    Ok(())
}

fn reason(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_REASON || text.contains(char::is_control) {
        return Err(format!(
            "allowed are 1 to {MAX_REASON} bytes without control characters"
        ));
    }
    Ok(text.to_owned())
}
