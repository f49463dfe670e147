//! `scrip audit`: lists the actions of operators.

mod actor;
mod entry;

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use actor::ActorArgs;
pub use entry::{Ending, Entry, Intention, cut};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show, values,
};
use crate::{
    audit_log::OperatorAction,
    read::{self, Action, ActionFilter, ActionStatus, Cursor},
};

/// Longest text of the column `detail`, in characters.
const MAX_DETAIL: usize = 100;

/// List the actions of operators, newest first
///
/// Operators publish commands, replay and drop dead letters, run jobs and claim namespaces. Each
/// action was recorded before it was done. An action with the status `begun` has no recorded end:
/// it is still running, or its process ended before it could record the end. Reads the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip audit --since 2026-11-01T00:00:00Z
  scrip audit --action dead_drop --actor ops:maria
  scrip --json audit --user user_123     a line for each action, with everything that is recorded")]
pub struct Args {
    /// Only actions of this operator
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    actor: Option<String>,
    /// Only this kind of action
    #[arg(long, value_name = "ACTION", value_parser = values::name_of::<OperatorAction>())]
    action: Option<OperatorAction>,
    /// Only actions on the wallet of this user
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: Option<String>,
    /// Only actions that began at this instant or later (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    since: Option<DateTime<Utc>>,
    /// Only actions that began before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,
    /// Number of actions to show
    #[arg(
        long,
        default_value_t = 20,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(read::MAX_ACTIONS))
    )]
    limit: u32,
    /// Continue from this cursor, which the last page printed; with --json: the `cursor` of an
    /// action
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<Cursor>,
}

/// Prints a page.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let filter = ActionFilter {
        actor: args.actor,
        action: args.action,
        user_id: args.user,
        since: args.since,
        until: args.until,
    };
    let page = read::actions(
        store.read_connection(),
        &filter,
        args.cursor.as_ref(),
        args.limit,
    )
    .await?;
    if context.json {
        page.actions.iter().try_for_each(print::json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&[
        "when", "actor", "action", "subject", "user", "status", "detail",
    ]);
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
        detail(action),
    ]
}

/// The result and the request of an action, cut to [`MAX_DETAIL`] and without the facts that other
/// columns show.
fn detail(action: &Action) -> String {
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

/// Collects `name=value` of each number, text and boolean in an object and in the objects inside
/// it. Lists appear only with `--json`.
fn scalars(value: &Value, excluded: &[&str], parts: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            _ if excluded.contains(&name.as_str()) => {}
            Value::Object(_) => scalars(value, excluded, parts),
            Value::Null | Value::Array(_) => {}
            Value::String(text) => parts.push(format!("{name}={text}")),
            Value::Bool(_) | Value::Number(_) => parts.push(format!("{name}={value}")),
        }
    }
}
