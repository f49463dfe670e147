//! The flags of `scrip publish`: every field of every command.

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Subcommand, ValueEnum};
use producer_sdk::{
    Command,
    contract::{AmountPaid, SubscriptionStatus},
};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::cli::{audit::ActorArgs, failure::Failure};

/// Publish one command: prints the broker's confirm, or the outcome with --wait (exit code 1 if it is refused).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip publish grant --user u1 --reason registration_bonus --wait
  scrip publish purchase --user u1 --package lite --purchase-id pi_1 --amount-paid 9.99 --currency USD
  scrip publish consume --user u1 --service google:image --quantity 5 --wait
  scrip publish subscription --user u1 --subscription sub_1 --plan pro --status active --wait
  scrip publish freeze --user u1 --reason 'chargeback pi_1' --actor ops:maria")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// How it is sent.
#[derive(Debug, clap::Args)]
pub struct Sending {
    /// Wait for the outcome
    #[arg(long)]
    pub wait: bool,
    /// How many seconds to wait for it
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "wait")]
    pub timeout: u64,
}

/// A command, how it is sent, and who sends it.
#[derive(Debug)]
pub struct Publication {
    /// The command.
    pub command: Command,
    /// How it is sent.
    pub sending: Sending,
    /// Who sends it.
    pub actor: ActorArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Spend credits on a service
    Consume(Consume),
    /// Give free credits
    Grant(Grant),
    /// Credit what was paid for
    Purchase(Purchase),
    /// Tell what the payment provider says of a subscription
    Subscription(Subscription),
    /// Stop a wallet from spending; the command carries the actor, too
    Freeze(AccountChange),
    /// Let a wallet spend again; the command carries the actor, too
    Unfreeze(AccountChange),
}

/// The fields that every command has.
#[derive(Debug, clap::Args)]
struct Common {
    /// Whose wallet
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: String,
    /// The caller's own name for this change; the same name again changes nothing. Default: a fresh one (a purchase:
    /// its payment's, and its line's after a colon)
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    reference: Option<String>,
    /// When it happened (RFC 3339). Default: now
    #[arg(long, value_name = "INSTANT")]
    occurred_at: Option<DateTime<Utc>>,
    /// Words for people
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// A JSON object for programs
    #[arg(long, value_name = "JSON", value_parser = object, allow_hyphen_values = true)]
    metadata: Option<Box<RawValue>>,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    actor: ActorArgs,
}

#[derive(Debug, clap::Args)]
struct Consume {
    #[command(flatten)]
    common: Common,
    /// The service, as the price list names it
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    service: String,
    /// Credits to spend, whatever the service costs
    #[arg(long, value_name = "CREDITS", conflicts_with = "quantity")]
    amount: Option<i64>,
    /// Units of the service, charged by its price. Default: 1
    #[arg(long, value_name = "UNITS")]
    quantity: Option<i64>,
}

#[derive(Debug, clap::Args)]
struct Grant {
    #[command(flatten)]
    common: Common,
    /// Why
    #[arg(long, value_enum)]
    reason: Reason,
    /// Credits to give (promotion)
    #[arg(long, value_name = "CREDITS", required_if_eq("reason", "promotion"))]
    amount: Option<i64>,
    /// Days until they lapse (promotion). Default: never
    #[arg(long, value_name = "DAYS")]
    validity_days: Option<i64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    /// Once for each user; amount and validity from the configuration
    RegistrationBonus,
    /// A gift
    Promotion,
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("item").required(true).args(["package", "price_id", "credits"])))]
struct Purchase {
    #[command(flatten)]
    common: Common,
    /// A package of the configuration
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    package: Option<String>,
    /// A package by the payment provider's price id
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    price_id: Option<String>,
    /// Credits without a package
    #[arg(long, value_name = "CREDITS")]
    credits: Option<i64>,
    /// Days until they lapse (with --credits). Default: never
    #[arg(long, value_name = "DAYS", requires = "credits")]
    validity_days: Option<i64>,
    /// The payment
    #[arg(long = "purchase-id", value_name = "ID", allow_hyphen_values = true)]
    payment: String,
    /// The line of the payment, where one payment has several: each is credited once
    #[arg(long = "purchase-line", value_name = "ID", allow_hyphen_values = true)]
    line: Option<String>,
    /// What was paid, such as 9.99
    #[arg(long, value_name = "DECIMAL", requires = "currency")]
    amount_paid: Option<AmountPaid>,
    /// In which currency, such as USD
    #[arg(
        long,
        value_name = "CODE",
        requires = "amount_paid",
        allow_hyphen_values = true
    )]
    currency: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Subscription {
    #[command(flatten)]
    common: Common,
    /// The payment provider's id of the subscription
    #[arg(long = "subscription", value_name = "ID", allow_hyphen_values = true)]
    id: String,
    /// The plan, as the configuration names it
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    plan: String,
    /// What it is now
    #[arg(long, value_enum)]
    status: Status,
    /// From where its months are counted (RFC 3339). Default: from the first event
    #[arg(long, value_name = "INSTANT")]
    anchor: Option<DateTime<Utc>>,
    /// Up to where it is paid (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    paid_through: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    Active,
    Trialing,
    PastDue,
    Paused,
    Canceled,
    Expired,
}

#[derive(Debug, clap::Args)]
struct AccountChange {
    #[command(flatten)]
    common: Common,
    /// Why
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: String,
}

impl Args {
    /// What the flags say.
    pub fn command(self) -> Result<Publication, Failure> {
        match self.what {
            What::Consume(consume) => Ok(consume.command()),
            What::Grant(grant) => Ok(grant.command()),
            What::Purchase(purchase) => purchase.command(),
            What::Subscription(subscription) => Ok(subscription.command()),
            What::Freeze(change) => change.command(Command::freeze),
            What::Unfreeze(change) => change.command(Command::unfreeze),
        }
    }
}

impl Consume {
    fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let mut command = Command::consume(reference, &self.common.user, self.service);
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        if let Some(quantity) = self.quantity {
            command = command.quantity(quantity);
        }
        self.common.finish(command)
    }
}

impl Grant {
    fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let user = &self.common.user;
        let mut command = match self.reason {
            Reason::RegistrationBonus => Command::registration_bonus(reference, user),
            Reason::Promotion => Command::promotion(reference, user, 0),
        };
        // Where a flag does not belong, the command's check says so.
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        if let Some(days) = self.validity_days {
            command = command.validity_days(days);
        }
        self.common.finish(command)
    }
}

impl Purchase {
    fn command(self) -> Result<Publication, Failure> {
        let user = &self.common.user;
        let payment = &self.payment;
        let of_payment = || match &self.line {
            Some(line) => format!("{payment}:{line}"),
            None => payment.clone(),
        };
        let reference = self.common.reference.clone().unwrap_or_else(of_payment);
        let mut command = match (self.package, self.price_id, self.credits) {
            (Some(package), _, _) => Command::purchase_package(reference, user, package, payment),
            (_, Some(price), _) => Command::purchase_price(reference, user, price, payment),
            (_, _, Some(credits)) => Command::purchase_credits(reference, user, credits, payment),
            _ => {
                return Err(Failure::new(
                    "one of --package, --price-id and --credits is needed",
                ));
            }
        };
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
    fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let user = &self.common.user;
        let mut command =
            Command::subscription(reference, user, self.id, self.plan, self.status.of_contract());
        if let Some(at) = self.anchor {
            command = command.anchor(at);
        }
        if let Some(at) = self.paid_through {
            command = command.paid_through(at);
        }
        self.common.finish(command)
    }
}

impl AccountChange {
    fn command(self, change: fn(String, String, String, String) -> Command) -> Result<Publication, Failure> {
        let reference = self.common.reference_or_fresh();
        let actor = self.common.actor.name()?;
        let command = change(reference, self.common.user.clone(), self.reason, actor);
        Ok(self.common.finish(command))
    }
}

impl Status {
    const fn of_contract(self) -> SubscriptionStatus {
        match self {
            Self::Active => SubscriptionStatus::Active,
            Self::Trialing => SubscriptionStatus::Trialing,
            Self::PastDue => SubscriptionStatus::PastDue,
            Self::Paused => SubscriptionStatus::Paused,
            Self::Canceled => SubscriptionStatus::Canceled,
            Self::Expired => SubscriptionStatus::Expired,
        }
    }
}

impl Common {
    fn reference_or_fresh(&self) -> String {
        self.reference
            .clone()
            .unwrap_or_else(|| format!("cli-{}", Uuid::now_v7()))
    }

    fn finish(self, mut command: Command) -> Publication {
        if let Some(at) = self.occurred_at {
            command = command.occurred_at(at);
        }
        if let Some(description) = self.description {
            command = command.description(description);
        }
        if let Some(metadata) = self.metadata {
            command.metadata = Some(metadata);
        }
        Publication {
            command,
            sending: self.sending,
            actor: self.actor,
        }
    }
}

/// The text as it stands; what it holds is looked at with the rest of the command.
fn object(text: &str) -> Result<Box<RawValue>, String> {
    let raw: Box<RawValue> =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    if raw.get().starts_with('{') {
        return Ok(raw);
    }
    Err("not a JSON object".to_owned())
}
