//! `scrip batches`: lists the batches of one user.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::BatchItem;

use super::{
    balance::no_wallet,
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show,
};
use crate::read;

/// List the batches of a user, in the order in which they are spent
///
/// A batch is a number of credits that arrived together and expire together. Reads the database.
/// Exit code 1 if the user has no wallet.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  scrip batches user_123\n  scrip --json batches user_123 --all"
)]
pub struct Args {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// Include batches with no credits left
    #[arg(long)]
    all: bool,
}

/// Prints the batches.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let now = Utc::now();
    let batches = read::batches(store.read_connection(), &args.user, args.all, now).await?;
    if batches.is_empty() && !read::has_wallet(store.read_connection(), &args.user).await? {
        return Err(no_wallet(&args.user));
    }
    if context.json {
        print::json(&batches)?;
    } else {
        table(&batches).print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The batches as a table. A batch that has expired shows as `expired`, also before the expiry job
/// takes its credits.
pub fn table(batches: &[BatchItem]) -> Rows {
    let mut rows = Rows::new(&[
        "batch", "source", "plan", ">left", ">of", "issued", "expires", "status",
    ]);
    for batch in batches {
        let expires = batch
            .expires_at
            .map_or_else(|| "never".to_owned(), show::day);
        let status = if batch.lapsed {
            "expired".to_owned()
        } else {
            batch.status.to_lowercase()
        };
        rows.push([
            show::short(batch.id),
            batch.source_type.to_lowercase(),
            batch.source_plan.clone().unwrap_or_default(),
            show::credits(batch.remaining),
            show::credits(batch.amount),
            show::day(batch.issued_at),
            expires,
            status,
        ]);
    }
    rows
}
