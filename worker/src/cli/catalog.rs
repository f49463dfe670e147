//! `scrip price`, `scrip packages`, `scrip can-purchase`: what is for sale, and to whom.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::PackagesResult;

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows, escape},
    show,
};
use crate::lane;

/// What a service costs, by the configuration; exit code 1 if it has no price.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip price google:image\n  scrip price google:image --quantity 5")]
pub struct PriceArgs {
    /// The service
    #[arg(allow_hyphen_values = true)]
    service: String,
    /// Units of it
    #[arg(long, value_name = "UNITS", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=ledger::MAX_AMOUNT))]
    quantity: i64,
}

/// Whether a user may buy a package; exit code 1 if not. Reads the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip can-purchase user_123 --package lite")]
pub struct CanPurchaseArgs {
    /// The user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// The package; without it: any
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    package: Option<String>,
    /// The package by the payment provider's price id
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "package",
        allow_hyphen_values = true
    )]
    price_id: Option<String>,
}

/// Shows a price.
pub fn price(context: &Context, args: &PriceArgs) -> Result<ExitCode, Failure> {
    let catalog = context.settings.catalog();
    let price = catalog.price(&args.service, args.quantity).map_err(|refusal| {
        let text = ledger::Refused::from(refusal).to_string();
        Failure::new(format!("{}: {text}", escape(&args.service)))
    })?;
    if context.json {
        print::json(&price)?;
        return Ok(ExitCode::SUCCESS);
    }
    let credits = show::credits(price.credits);
    let by = if price.is_default {
        ", the default price"
    } else {
        ""
    };
    let rate = format!("{} for {}{by}", price.pricing.credits, price.pricing.per);
    print::line(&format!(
        "{} × {}: {credits} credits ({rate})",
        price.quantity,
        escape(&price.service)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Shows what is for sale.
pub fn packages(context: &Context) -> Result<ExitCode, Failure> {
    let items = context.settings.catalog().for_sale();
    if context.json {
        print::json(&PackagesResult { items })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["package", ">credits", ">bonus", ">price", "valid", "price id", ""]);
    for item in items {
        let price = item.price.zip(item.currency);
        rows.push([
            item.id,
            show::credits(item.credits),
            show::credits(item.bonus),
            price.map_or_else(String::new, |(price, currency)| format!("{price} {currency}")),
            item.validity_days
                .map_or_else(|| "for ever".to_owned(), |days| format!("{days} days")),
            item.price_id.unwrap_or_default(),
            if item.popular { "popular" } else { "" }.to_owned(),
        ]);
    }
    rows.print()?;
    Ok(ExitCode::SUCCESS)
}

/// Tells whether a user may buy.
pub async fn can_purchase(context: &Context, args: CanPurchaseArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let catalog = context.settings.catalog();
    let wanted = (args.package.as_deref(), args.price_id.as_deref());
    let result = lane::can_purchase(&store, &catalog, &args.user, wanted, Utc::now()).await?;
    if context.json {
        print::json(&result)?;
    } else {
        let over = if result.over_cap {
            ", above the largest balance"
        } else {
            ""
        };
        let told = result.reason.as_ref().map_or_else(
            || format!("{} may buy{over}", escape(&args.user)),
            |reason| format!("{} may not buy: {reason}", escape(&args.user)),
        );
        print::line(&told)?;
    }
    Ok(ExitCode::from(u8::from(!result.allowed)))
}
