//! `scrip payments reconcile`: compares an export of the provider's payments with the ledger.

use std::{fs::File, path::PathBuf, process::ExitCode};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, escape},
    values,
};
use crate::payments::{Provider, export, reconcile};

/// Compare an export of a provider's payments (CSV) with the ledger
///
/// Prints payments that were collected and brought no credits, and purchases whose payment is not
/// in the export. The export must begin a day before `--from` and end a day after `--until`. Exit
/// code 1 if there is a difference.
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
    /// First instant of the purchases that are compared. Default: all
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    from: Option<DateTime<Utc>>,
    /// First instant after the purchases that are compared. Default: now
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    until: Option<DateTime<Utc>>,
}

/// Compares and prints the differences.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let doing = || format!("read {}", args.file.display());
    let file = File::open(&args.file).doing(doing())?;
    let export = export::read(file).doing(doing())?;
    let store = context.ledger().await?;
    let span = (
        args.from.unwrap_or(DateTime::UNIX_EPOCH),
        args.until.unwrap_or_else(Utc::now),
    );
    let differences = reconcile::compare(&store, args.provider, &export, span).await?;
    if context.json {
        print::json(&json!({
            "agreeing": differences.agreeing,
            "paidNotCredited": differences.paid_not_credited,
            "creditedNotPaid": differences.credited_not_paid,
        }))?;
    } else {
        for id in &differences.paid_not_credited {
            print::line(&format!("paid, not credited: {}", escape(id)))?;
        }
        for reference in &differences.credited_not_paid {
            print::line(&format!("credited, not paid: {}", escape(reference)))?;
        }
        print::line(&format!("{} payments agree", differences.agreeing))?;
    }
    let is_equal =
        differences.paid_not_credited.is_empty() && differences.credited_not_paid.is_empty();
    Ok(ExitCode::from(u8::from(!is_equal)))
}
