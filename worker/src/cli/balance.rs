//! `scrip balance USER`

use std::process::ExitCode;

use chrono::Utc;

use super::{
    context::Context,
    failure::Failure,
    print::{self, escape},
    show,
};
use crate::read;

/// What a user has now. Reads the database; exit code 1 if there is no such wallet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip balance user_123\n  scrip --json balance user_123")]
pub struct Args {
    /// The user
    #[arg(allow_hyphen_values = true)]
    user: String,
}

/// Shows it.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let Some(balance) = read::balance(
        store.read_connection(),
        &args.user,
        &context.settings.rules(),
        Utc::now(),
    )
    .await?
    else {
        return Err(no_wallet(&args.user));
    };
    if context.json {
        print::json(&balance)?;
        return Ok(ExitCode::SUCCESS);
    }
    print::line(&format!(
        "{}  {}",
        escape(&balance.user_id),
        balance.status.to_lowercase()
    ))?;
    let lapsed = balance.balance - balance.held - balance.available_credits;
    for (name, credits) in [
        ("available", balance.available_credits),
        ("held", balance.held),
        ("lapsed, not swept yet", lapsed),
        ("earned in all", balance.total_earned),
        ("spent in all", balance.total_spent),
    ] {
        print::line(&format!("  {name:<22} {:>20}", show::credits(credits)))?;
    }
    if let Some(next) = balance.next_expiring_batch {
        let credits = show::credits(next.amount);
        print::line(&format!(
            "  {credits} of it until {}",
            show::instant(next.expires_at)
        ))?;
    }
    if let Some(next) = balance.next_grant_info {
        print::line(&format!(
            "  {} more on {}, by plan {}",
            show::credits(next.amount),
            show::day(next.grant_date),
            escape(&next.plan_name)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The failure of every command that asks for a user who has none.
pub fn no_wallet(user: &str) -> Failure {
    Failure::new(format!("{user} has no wallet"))
}
