//! The arguments of `scrip publish purchase` and `subscription`.

use chrono::{DateTime, Utc};
use clap::ArgGroup;
use producer_sdk::{
    Command,
    contract::{AmountPaid, SubscriptionStatus},
};

use super::{Common, Publication};
use crate::cli::{failure::Failure, values};

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("item").required(true).args(["package", "price_id", "credits"])))]
pub struct Purchase {
    #[command(flatten)]
    common: Common,
    /// Package of the configuration
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    package: Option<String>,
    /// Package with this price id of the payment provider
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    price_id: Option<String>,
    /// How many of the package, 1 to 1000000. Default: 1
    #[arg(
        long,
        value_name = "UNITS",
        conflicts_with = "credits",
        value_parser = values::units,
        allow_hyphen_values = true
    )]
    quantity: Option<i64>,
    /// Credits without a package
    #[arg(long, value_name = "CREDITS", value_parser = values::amount, allow_hyphen_values = true)]
    credits: Option<i64>,
    /// Days until the --credits expire. Default: never
    #[arg(
        long,
        value_name = "DAYS",
        requires = "credits",
        value_parser = values::days,
        allow_hyphen_values = true
    )]
    validity_days: Option<i64>,
    /// Id of the payment at the payment provider
    #[arg(long = "purchase-id", value_name = "ID", allow_hyphen_values = true)]
    payment: String,
    /// Line of the payment, if it has several; each line is credited once
    #[arg(long = "purchase-line", value_name = "ID", allow_hyphen_values = true)]
    line: Option<String>,
    /// Amount that was paid, such as 9.99
    #[arg(
        long,
        value_name = "DECIMAL",
        requires = "currency",
        allow_hyphen_values = true
    )]
    amount_paid: Option<AmountPaid>,
    /// Currency of the amount, such as USD
    #[arg(
        long,
        value_name = "CODE",
        requires = "amount_paid",
        allow_hyphen_values = true
    )]
    currency: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Subscription {
    #[command(flatten)]
    common: Common,
    /// Id of the subscription at the payment provider
    #[arg(long = "subscription", value_name = "ID", allow_hyphen_values = true)]
    id: String,
    /// Plan of the configuration
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    plan: String,
    /// How many of the plan's credits a period brings, such as seats: 1 to 1000000. Default: 1
    #[arg(long, value_name = "UNITS", value_parser = values::units, allow_hyphen_values = true)]
    quantity: Option<i64>,
    /// Current status of the subscription
    #[arg(long, value_parser = values::name_of::<SubscriptionStatus>())]
    status: SubscriptionStatus,
    /// Instant from which the months of the subscription count (RFC 3339). Default: the first event
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    anchor: Option<DateTime<Utc>>,
    /// Instant until which the subscription is paid (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    paid_through: Option<DateTime<Utc>>,
}

impl Purchase {
    /// The command that the arguments describe.
    pub fn command(self) -> Result<Publication, Failure> {
        let user = &self.common.user;
        let payment = &self.payment;
        let payment_reference = || match &self.line {
            Some(line) => format!("{payment}:{line}"),
            None => payment.clone(),
        };
        let reference = self
            .common
            .reference
            .clone()
            .unwrap_or_else(payment_reference);
        let mut command = match (self.package, self.price_id, self.credits) {
            (Some(package), _, _) => Command::purchase_package(reference, user, package, payment),
            (_, Some(price), _) => Command::purchase_price(reference, user, price, payment),
            (_, _, Some(credits)) => Command::purchase_credits(reference, user, credits, payment),
            _ => {
                return Err(
                    Failure::new("one of --package, --price-id and --credits is required")
                        .as_usage(),
                );
            }
        };
        if let Some(quantity) = self.quantity {
            command = command.quantity(quantity);
        }
        if let Some(days) = self.validity_days {
            command = command.validity_days(days);
        }
        if let Some(line) = self.line {
            command = command.purchase_line(line);
        }
        if let (Some(paid), Some(currency)) = (self.amount_paid, &self.currency) {
            command = command.paid(&paid.to_string(), currency)?;
        }
        Ok(self.common.finish(command))
    }
}

impl Subscription {
    /// The command that the arguments describe.
    pub fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let user = &self.common.user;
        let mut command = Command::subscription(reference, user, self.id, self.plan, self.status);
        if let Some(quantity) = self.quantity {
            command = command.quantity(quantity);
        }
        if let Some(at) = self.anchor {
            command = command.anchor(at);
        }
        if let Some(at) = self.paid_through {
            command = command.paid_through(at);
        }
        self.common.finish(command)
    }
}
