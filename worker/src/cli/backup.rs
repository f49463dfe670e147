//! `scrip backup`: copies the file of the embedded default.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print,
};
use crate::config::Backend;

/// Copy an embedded ledger into a new file
///
/// The copy is the whole ledger at one moment, with the messages in its queue. A worker may run
/// meanwhile. Back up a ledger on PostgreSQL with pg_dump instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip backup /backup/scrip-$(date +%F).db
  SCRIP_DATA_DIR=/var/lib/scrip scrip backup /backup/scrip.db")]
pub struct Args {
    /// New file; an existing file is not overwritten
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the ledger.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Backend::Embedded { .. } = context.settings.backend()? else {
        return Err(Failure::new(
            "this ledger is on PostgreSQL: back it up with pg_dump or with the backups of the \
             server (docs/guides/backup.md)",
        ));
    };
    if args.file.exists() {
        return Err(Failure::new(format!(
            "{} already exists; allowed is a new file",
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
