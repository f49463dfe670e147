//! `scrip holds`: lists the holds of one user.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::HoldItem;

use super::{
    balance::no_wallet,
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show,
};
use crate::read;

/// List the holds of a user that reserve credits, the first to end first
///
/// A hold reserves credits until it is captured, released or ends by time. Reads the database. Exit
/// code 1 if the user has no wallet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip holds user_123\n  scrip --json holds user_123 --all")]
pub struct Args {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// Include closed holds
    #[arg(long)]
    all: bool,
}

/// Prints the holds.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let connection = store.read_connection();
    let holds = read::holds(connection, &args.user, args.all, Utc::now()).await?;
    if holds.is_empty() && !read::has_wallet(connection, &args.user).await? {
        return Err(no_wallet(&args.user));
    }
    if context.json {
        print::json(&holds)?;
    } else {
        table(&holds).print()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The holds as a table. A hold that has ended shows as `ended` until it is closed.
fn table(holds: &[HoldItem]) -> Rows {
    let mut rows = Rows::new(&[
        "reference",
        "service",
        ">held",
        ">captured",
        ">of",
        "ends",
        "status",
    ]);
    for hold in holds {
        let status = if hold.lapsed {
            "ended".to_owned()
        } else {
            hold.status.to_lowercase()
        };
        rows.push([
            hold.reference_id.clone(),
            hold.service.clone(),
            show::credits(hold.held),
            show::credits(hold.captured),
            show::credits(hold.amount),
            show::instant(hold.expires_at),
            status,
        ]);
    }
    rows
}
