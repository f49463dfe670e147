//! `scrip quote`: what a command would cost and use.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::QuoteResult;

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows, escape},
    show, values,
};
use crate::read::{self, QuoteRequest};

/// Show what a hold or consumption would cost and which batches it would use
///
/// Nothing is reserved. Reads the database, and prices from the configuration. Exit code 1 if the
/// command would be refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip quote user_123 google:image --quantity 5")]
pub struct Args {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// Service, as the price list names it
    #[arg(allow_hyphen_values = true)]
    service: String,
    /// Credits, regardless of the price of the service
    #[arg(
        long,
        value_name = "CREDITS",
        conflicts_with = "quantity",
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    amount: Option<i64>,
    /// Units of the service. Default: 1
    #[arg(long, value_name = "UNITS", value_parser = values::amount, allow_hyphen_values = true)]
    quantity: Option<i64>,
}

/// Prints the quote.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let request = QuoteRequest {
        user_id: &args.user,
        service: &args.service,
        amount: args.amount,
        quantity: args.quantity,
    };
    let rules = context.settings.rules();
    let quote = read::quote(store.read_connection(), &request, &rules, Utc::now()).await?;
    if context.json {
        print::json(&quote)?;
    } else {
        print_text(&quote)?;
    }
    Ok(ExitCode::from(u8::from(!quote.allowed)))
}

fn print_text(quote: &QuoteResult) -> print::Result {
    let service = escape(&quote.service);
    let units = quote
        .quantity
        .map_or_else(|| service.clone(), |units| format!("{units} × {service}"));
    let available = show::credits(quote.available);
    match (&quote.error, quote.credits) {
        (Some(error), _) => {
            let message = escape(&error.message);
            print::line(&format!("{units}: refused: {}: {message}", error.code))
        }
        (None, credits) => {
            let credits = show::counted(credits.unwrap_or_default().into(), "credit");
            print::line(&format!("{units}: {credits} of {available} available"))?;
            table(quote).print()
        }
    }
}

fn table(quote: &QuoteResult) -> Rows {
    let mut rows = Rows::new(&["batch", "source", ">credits", "expires"]);
    for batch in &quote.batches {
        rows.push([
            batch.batch_id.map(show::short).unwrap_or_default(),
            batch.source_type.to_lowercase(),
            show::credits(batch.amount),
            batch
                .expires_at
                .map_or_else(|| "never".to_owned(), show::day),
        ]);
    }
    rows
}
