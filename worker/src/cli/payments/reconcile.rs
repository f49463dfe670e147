//! `scrip payments reconcile`: compares an export of the provider's payments with the ledger.

use std::{fmt::Write as _, fs::File, path::PathBuf, process::ExitCode};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
    values,
};
use crate::payments::{
    Provider, export,
    reconcile::{self, Differences, Scope},
};

/// Compare an export of a provider's payments (CSV) with the ledger
///
/// Prints payments that were collected and brought no credits, and purchases and grants of
/// subscriptions whose payment is not in the export. The export must begin a day before `--from`
/// and end a day after `--until`. Exit code 1 if there is a difference.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip payments reconcile payments.csv --provider stripe \\
    --from 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z")]
pub struct Args {
    /// The export: the payments of Stripe, or the transactions of Creem
    file: PathBuf,
    /// Provider: creem or stripe
    #[arg(long, value_name = "PROVIDER", value_parser = values::name_of::<Provider>())]
    provider: Provider,
    /// First instant of the purchases and grants that are compared, by when they were booked.
    /// Default: all
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    from: Option<DateTime<Utc>>,
    /// First instant after the purchases and grants that are compared. Default: now
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,
}

/// Compares and prints the differences.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let doing = || format!("read {}", args.file.display());
    let file = File::open(&args.file).doing(doing())?;
    let export = export::read(file).doing(doing())?;
    let store = context.ledger().await?;
    let scope = Scope {
        provider: args.provider,
        from: args.from.unwrap_or(DateTime::UNIX_EPOCH),
        until: args.until.unwrap_or_else(Utc::now),
        trial_grants: context.settings.subscriptions.trial_grants,
    };
    let differences = reconcile::compare(&store, scope, &export).await?;
    if context.json {
        print::json(&json!({
            "agreeing": differences.agreeing,
            "paidNotCredited": differences.paid_not_credited,
            "creditedNotPaid": differences.credited_not_paid,
            "trials": differences.trials,
            "notCompared": differences.not_compared,
        }))?;
    } else {
        for id in &differences.paid_not_credited {
            print::line(&format!("paid, not credited: {}", escape(id)))?;
        }
        for reference in &differences.credited_not_paid {
            print::line(&format!("credited, not paid: {}", escape(reference)))?;
        }
        print::line(&summary(&differences))?;
    }
    let is_equal =
        differences.paid_not_credited.is_empty() && differences.credited_not_paid.is_empty();
    Ok(ExitCode::from(u8::from(!is_equal)))
}

/// The numbers of what needs no look.
fn summary(differences: &Differences) -> String {
    let mut text = format!("{} payments agree", differences.agreeing);
    for (number, what) in [
        (differences.trials, "grants of trials have no payment"),
        (
            differences.not_compared,
            "grants of subscriptions without events of a provider are not compared",
        ),
    ] {
        if number > 0 {
            let _ = write!(text, "; {number} {what}");
        }
    }
    text
}
