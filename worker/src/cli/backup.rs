//! `scrip backup FILE`

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print,
};
use crate::config::Backend;

/// Copy the ledger of the embedded default into a new file, also while a worker runs.
///
/// The copy is the whole ledger as it is at one moment, with what waits in its queue. Back a ledger on PostgreSQL up by
/// pg_dump.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  scrip backup /backup/scrip-$(date +%F).db\n  SCRIP_DATA_DIR=/var/lib/scrip scrip backup /backup/scrip.db"
)]
pub struct Args {
    /// The new file; one that is there is not written over
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Makes the copy.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Backend::Embedded { .. } = context.settings.backend()? else {
        return Err(Failure::new(
            "this ledger is on PostgreSQL: back it up by pg_dump or by the server's own means (OPERATIONS.md)",
        ));
    };
    if args.file.exists() {
        return Err(Failure::new(format!(
            "{} is there already; allowed is a new file",
            args.file.display()
        )));
    }
    let store = context.ledger().await?;
    store
        .back_up(&args.file)
        .await
        .doing(format!("back up to {}", args.file.display()))?;
    let file = args.file.display().to_string();
    if context.json {
        print::json(&json!({ "file": file }))?;
    } else {
        print::line(&format!("backed up to {file}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
