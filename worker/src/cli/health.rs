//! `scrip health`: shows the health of the worker on this machine, without an HTTP client.

use std::process::ExitCode;

use serde_json::{Map, Value};

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
};
use crate::monitor::client::{HealthResponse, get};

/// Show the health of the worker on this machine
///
/// Requests /readyz from the worker that listens at health.listen. The worker is ready if it can
/// serve commands; the first table also shows queries, jobs and publishing. Exit code 1 if the
/// worker is not ready or does not answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip health\n  scrip --json health --live")]
pub struct Args {
    /// Check whether the worker is alive (/livez) instead of ready (/readyz)
    #[arg(long)]
    live: bool,
}

/// Requests the health of the worker and prints it.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(listen) = context.settings.health.listen else {
        return Err(Failure::new(
            "`health.listen` is not set, so the worker does not serve its health; set it for the \
             worker and for this command, for instance SCRIP__HEALTH__LISTEN=127.0.0.1:9464",
        ));
    };
    let (path, good, bad) = if args.live {
        ("/livez", "alive", "not alive")
    } else {
        ("/readyz", "ready", "not ready")
    };
    let response = get(listen, path)
        .await
        .doing("read the health of the worker")?;
    if context.json {
        print::json(&response.report)?;
    } else {
        print::line(if response.ok { good } else { bad })?;
        if let Some(capabilities) = response.report["capabilities"].as_object() {
            capability_table(capabilities).print()?;
            print::line("")?;
        }
        table(&response).print()?;
    }
    Ok(ExitCode::from(u8::from(!response.ok)))
}

fn capability_table(capabilities: &Map<String, Value>) -> Rows {
    let mut rows = Rows::new(&["capability", "state", "reason"]);
    for (name, capability) in capabilities {
        let text = |fact: &str| capability[fact].as_str().unwrap_or_default();
        rows.push([name.as_str(), text("state"), &escape(text("reason"))]);
    }
    rows
}

fn table(response: &HealthResponse) -> Rows {
    let mut rows = Rows::new(&["check", "result", "details"]);
    for (name, check) in response.report["checks"].as_object().into_iter().flatten() {
        let facts = check.as_object().into_iter().flatten();
        let facts = facts.filter(|(fact, value)| *fact != "ok" && !value.is_null());
        let facts: Vec<String> = facts
            .map(|(fact, value)| format!("{fact} {}", plain(value)))
            .collect();
        let result = if check["ok"] == true { "ok" } else { "BAD" };
        rows.push([name.as_str(), result, &facts.join(", ")]);
    }
    rows
}

/// A JSON value as text; a string without its quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
