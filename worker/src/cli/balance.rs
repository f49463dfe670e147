//! `scrip balance`: shows the balance of one user.

use std::process::ExitCode;

use chrono::Utc;

use super::{
    context::Context,
    failure::Failure,
    print::{self, escape},
    show,
};
use crate::read;

/// Show the balance of a user
///
/// Reads the database. Exit code 1 if the user has no wallet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip balance user_123\n  scrip --json balance user_123")]
pub struct Args {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
}

/// Prints the balance.
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
    let expired = balance.balance - balance.held - balance.available_credits;
    for (name, credits) in [
        ("available", balance.available_credits),
        ("held", balance.held),
        ("expired, not yet booked", expired),
        ("earned in total", balance.total_earned),
        ("spent in total", balance.total_spent),
    ] {
        print::line(&format!("  {name:<23} {:>20}", show::credits(credits)))?;
    }
    if balance.debt > 0 {
        let debt = show::credits(balance.debt);
        print::line(&format!("  {:<23} {debt:>20}", "owed by the user"))?;
    }
    if let Some(next) = balance.next_expiring_batch {
        let credits = show::credits(next.amount);
        print::line(&format!(
            "  next expiry: {credits} at {}",
            show::instant(next.expires_at)
        ))?;
    }
    if let Some(next) = balance.next_grant_info {
        print::line(&format!(
            "  next grant: {} on {}, plan {}",
            show::credits(next.amount),
            show::day(next.grant_date),
            escape(&next.plan_name)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The failure of a command for a user without a wallet.
pub fn no_wallet(user: &str) -> Failure {
    Failure::new(format!("{user} has no wallet"))
}
