//! `scrip health`: how the worker of this machine is, where nobody has an HTTP client.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
};
use crate::health::ask::{Told, ask};

/// Ask the worker that listens at `health.listen` how it is; exit code 1 if it is not ready, or not there.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whether it is alive, rather than ready
    #[arg(long)]
    live: bool,
}

/// Asks, and prints what was looked at.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Some(listen) = context.settings.health.listen else {
        return Err(Failure::new(
            "health.listen is not set, so no worker tells how it is; set it for the worker and here, for instance SCRIP__HEALTH__LISTEN=127.0.0.1:9464",
        ));
    };
    let (path, good, bad) = if args.live {
        ("/livez", "alive", "not alive")
    } else {
        ("/readyz", "ready", "not ready")
    };
    let told = ask(listen, path).await.doing("ask the worker how it is")?;
    if context.json {
        print::json(&told.report)?;
    } else {
        print::line(if told.ok { good } else { bad })?;
        table(&told).print()?;
    }
    Ok(ExitCode::from(u8::from(!told.ok)))
}

fn table(told: &Told) -> Rows {
    let mut rows = Rows::new(&["check", "", "what"]);
    for (name, check) in told.report["checks"].as_object().into_iter().flatten() {
        let facts = check.as_object().into_iter().flatten();
        let facts = facts.filter(|(fact, value)| *fact != "ok" && !value.is_null());
        let facts: Vec<String> = facts
            .map(|(fact, value)| format!("{fact} {}", plain(value)))
            .collect();
        let mark = if check["ok"] == true { "ok" } else { "BAD" };
        rows.push([name.as_str(), mark, &facts.join(", ")]);
    }
    rows
}

/// A text without its quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
