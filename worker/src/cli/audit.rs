//! `scrip audit`: what operators did by hand.

mod actor;
mod entry;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value;

pub use actor::ActorArgs;
pub use entry::{Ending, Entry, Intention, cut};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show,
};
use crate::{
    read::{self, Action, ActionFilter, ActionStatus, Cursor},
    store::OperatorAction,
};

/// Widest text of what was asked for and what came of it, in characters.
const MAX_DETAIL: usize = 100;

/// What operators did by hand, newest first: dead letters replayed and dropped, commands published, jobs run.
///
/// Each action was recorded before it was done. One that is `begun` has no recorded end: it is being done now, or its
/// process was ended meanwhile. Reads the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip audit --since 2026-11-01T00:00:00Z
  scrip audit --action dead_drop --actor ops:maria
  scrip --json audit --user user_123           a line for each action, with letters, counts and errors in full")]
pub struct Args {
    /// Only what this operator did
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    actor: Option<String>,
    /// Only this
    #[arg(long, value_name = "ACTION", value_parser = names())]
    action: Option<OperatorAction>,
    /// Only what was about this user's wallet
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// Only what was begun at this instant or later (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    since: Option<DateTime<Utc>>,
    /// Only what was begun before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    until: Option<DateTime<Utc>>,
    /// How many actions
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(read::MAX_ACTIONS)))]
    limit: u32,
    /// Go on from where the last page said; with --json: from an action's `cursor`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<Cursor>,
}

fn names() -> impl TypedValueParser<Value = OperatorAction> {
    PossibleValuesParser::new(OperatorAction::ALL.map(OperatorAction::as_str))
        .try_map(|name| OperatorAction::parse(&name).ok_or("not an action"))
}

/// Shows a page.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let filter = ActionFilter {
        actor: args.actor,
        action: args.action,
        user_id: args.user,
        since: args.since,
        until: args.until,
    };
    let page = read::actions(store.read_connection(), &filter, args.cursor.as_ref(), args.limit).await?;
    if context.json {
        page.actions.iter().try_for_each(print::json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["when", "actor", "action", "subject", "user", "status", "detail"]);
    for action in &page.actions {
        rows.push(row(action));
    }
    rows.print()?;
    if let Some(oldest) = page.actions.last().filter(|_| page.more) {
        print::line(&format!("\nolder: --cursor {}", oldest.cursor))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(action: &Action) -> [String; 7] {
    let status = match action.status {
        ActionStatus::Begun => "begun",
        ActionStatus::Completed => "completed",
        ActionStatus::Failed => "failed",
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        show::instant(action.at),
        action.actor.clone(),
        action.action.clone(),
        text(&action.subject),
        text(&action.user_id),
        status.to_owned(),
        in_words(action),
    ]
}

/// What came of it and what was asked for, as far as it fits into a line. What other columns show is left out.
fn in_words(action: &Action) -> String {
    const SHOWN_ELSEWHERE: [&str; 4] = ["referenceId", "userId", "systemUser", "host"];
    let mut parts = Vec::new();
    if let Some(result) = &action.result {
        scalars(result, &SHOWN_ELSEWHERE, &mut parts);
    }
    scalars(&action.detail, &SHOWN_ELSEWHERE, &mut parts);
    let text = parts.join(" ");
    if text.chars().count() <= MAX_DETAIL {
        return text;
    }
    text.chars().take(MAX_DETAIL - 1).chain(['…']).collect()
}

/// `name=value` of each number, text and truth in an object and in its objects. Lists are left to `--json`.
fn scalars(value: &Value, without: &[&str], parts: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            _ if without.contains(&name.as_str()) => {}
            Value::Object(_) => scalars(value, without, parts),
            Value::Null | Value::Array(_) => {}
            Value::String(text) => parts.push(format!("{name}={text}")),
            Value::Bool(_) | Value::Number(_) => parts.push(format!("{name}={value}")),
        }
    }
}
