//! `scrip price`, `scrip packages`, `scrip can-purchase`: prices, packages, and who may buy them.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::PackagesResult;

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows, escape},
    show, values,
};
use crate::queries;

/// Show the price of a service
///
/// The price is that of the configuration. Exit code 1 if the service has no price.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  scrip price google:image\n  scrip price google:image --quantity 5"
)]
pub struct PriceArgs {
    /// Service, as the price list names it
    #[arg(allow_hyphen_values = true)]
    service: String,
    /// Number of units
    #[arg(
        long,
        value_name = "UNITS",
        default_value_t = 1,
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    quantity: i64,
}

/// Check whether a user may buy a package
///
/// Reads the database. Exit code 1 if the user may not buy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip can-purchase user_123 --package lite")]
pub struct CanPurchaseArgs {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// Id of the package. Default: any package
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    package: Option<String>,
    /// Package with this price id of the payment provider
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "package",
        allow_hyphen_values = true
    )]
    price_id: Option<String>,
}

/// Prints the price of a service.
pub fn price(context: &Context, args: &PriceArgs) -> Result<ExitCode, Failure> {
    let catalog = context.settings.catalog();
    let price = catalog
        .price(&args.service, args.quantity)
        .map_err(|refusal| {
            let text = ledger::Refused::from(refusal).to_string();
            Failure::new(format!("{}: {text}", escape(&args.service)))
        })?;
    if context.json {
        print::json(&price)?;
        return Ok(ExitCode::SUCCESS);
    }
    let credits = show::credits(price.credits);
    let default = if price.is_default {
        ", the default price"
    } else {
        ""
    };
    let rate = format!(
        "{} for {}{default}",
        price.pricing.credits, price.pricing.per
    );
    print::line(&format!(
        "{} × {}: {credits} credits ({rate})",
        price.quantity,
        escape(&price.service)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the packages that are for sale.
pub fn packages(context: &Context) -> Result<ExitCode, Failure> {
    let items = context.settings.catalog().for_sale();
    if context.json {
        print::json(&PackagesResult { items })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&[
        "package",
        ">credits",
        ">bonus",
        ">price",
        "expires after",
        "price id",
        "",
    ]);
    for item in items {
        let price = item.price.zip(item.currency);
        rows.push([
            item.id,
            show::credits(item.credits),
            show::credits(item.bonus),
            price.map_or_else(String::new, |(price, currency)| {
                format!("{price} {currency}")
            }),
            item.validity_days
                .map_or_else(|| "never".to_owned(), |days| format!("{days} days")),
            item.price_id.unwrap_or_default(),
            if item.popular { "popular" } else { "" }.to_owned(),
        ]);
    }
    rows.print()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints whether a user may buy.
pub async fn can_purchase(context: &Context, args: CanPurchaseArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let catalog = context.settings.catalog();
    let package = (args.package.as_deref(), args.price_id.as_deref());
    let result = queries::can_purchase(&store, &catalog, &args.user, package, Utc::now()).await?;
    if context.json {
        print::json(&result)?;
    } else {
        let over = if result.over_cap {
            ", above the balance cap"
        } else {
            ""
        };
        let text = result.reason.as_ref().map_or_else(
            || format!("{} may buy{over}", escape(&args.user)),
            |reason| format!("{} may not buy: {reason}", escape(&args.user)),
        );
        print::line(&text)?;
    }
    Ok(ExitCode::from(u8::from(!result.allowed)))
}
