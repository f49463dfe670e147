//! The arguments of `scrip publish`: every field of every command.

mod holds;
mod payments;
mod refund;
mod revoke;

use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};
use producer_sdk::Command;
use serde_json::value::RawValue;
use uuid::Uuid;

use payments::{Purchase, Subscription};
use refund::Refund;

use crate::cli::{audit::ActorArgs, failure::Failure, values};

/// Publish one command
///
/// Prints the confirm of the broker, or with --wait the outcome. Exit code 1 if the outcome is a
/// refusal. The audit log records the command, if DATABASE_URL is set or the ledger is embedded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip publish grant --user u1 --reason registration_bonus --wait
  scrip publish purchase --user u1 --package lite --purchase-id pi_1 \
    --amount-paid 9.99 --currency USD
  scrip publish consume --user u1 --service google:image --quantity 5 --wait
  scrip publish hold --user u1 --service google:image --quantity 10 --reference call-1 --wait
  scrip publish capture --user u1 --hold call-1 --quantity 3 --wait
  scrip publish refund --user u1 --of req-1 --amount 2 --wait
  scrip publish subscription --user u1 --subscription sub_1 --plan pro --status active --wait
  scrip publish revoke --user u1 --purchase-id pi_1 --amount-refunded 2.50 --wait
  scrip publish revoke --user u1 --of pi_1 --reference dp_1 --wait
  scrip publish reinstate --user u1 --of dp_1 --wait
  scrip publish forgive --user u1 --amount 22 --reason 'ticket 4711' --actor ops:maria --wait
  scrip publish freeze --user u1 --reason 'chargeback pi_1' --actor ops:maria")]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

/// The arguments that say whether to wait for the outcome.
#[derive(Debug, clap::Args)]
pub struct Sending {
    /// Wait for the outcome and print it
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait for the outcome
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "wait")]
    pub timeout: u64,
}

/// A command with the arguments for sending it.
#[derive(Debug)]
pub struct Publication {
    pub command: Command,
    pub sending: Sending,
    /// The operator, for the audit log.
    pub actor: ActorArgs,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Spend credits on a service
    Consume(Consume),
    /// Reserve credits for a service; the reference names the hold
    Hold(holds::Hold),
    /// Spend credits that a hold reserves
    Capture(holds::Capture),
    /// Return the credits that a hold reserves
    Release(holds::Release),
    /// Return credits of a consumption or capture, through the exchange for support staff
    Refund(Refund),
    /// Give free credits
    Grant(Grant),
    /// Add credits that were paid for
    Purchase(Purchase),
    /// Report the state of a subscription at the payment provider
    Subscription(Subscription),
    /// Take credits of a purchase or grant back; what is spent becomes debt
    Revoke(revoke::Revoke),
    /// Undo a revocation, after a dispute was won
    Reinstate(revoke::Reinstate),
    /// Write off debt; the command names the actor
    Forgive(revoke::Forgive),
    /// Freeze a wallet, so that it cannot spend; the command names the actor
    Freeze(AccountChange),
    /// Unfreeze a wallet, so that it can spend again; the command names the actor
    Unfreeze(AccountChange),
}

/// The fields that every command has.
#[derive(Debug, clap::Args)]
struct Common {
    /// Id of the user whose wallet to change
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    user: String,
    /// Reference of this change; the same reference again changes nothing. Default: a new one; of a
    /// purchase its --purchase-id, and its --purchase-line after a colon
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    reference: Option<String>,
    /// Instant of the event (RFC 3339). Default: now
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    occurred_at: Option<DateTime<Utc>>,
    /// Text for people
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// JSON object for programs
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
    /// Service, as the price list names it
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    service: String,
    /// Credits to spend, regardless of the price of the service
    #[arg(
        long,
        value_name = "CREDITS",
        conflicts_with = "quantity",
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    amount: Option<i64>,
    /// Units of the service, charged at its price. Default: 1
    #[arg(long, value_name = "UNITS", value_parser = values::amount, allow_hyphen_values = true)]
    quantity: Option<i64>,
}

#[derive(Debug, clap::Args)]
struct Grant {
    #[command(flatten)]
    common: Common,
    /// Reason of the grant
    #[arg(long, value_enum)]
    reason: Reason,
    /// Credits to give; required for a promotion
    #[arg(
        long,
        value_name = "CREDITS",
        required_if_eq("reason", "promotion"),
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    amount: Option<i64>,
    /// Days until the credits of a promotion expire. Default: never
    #[arg(long, value_name = "DAYS", value_parser = values::days, allow_hyphen_values = true)]
    validity_days: Option<i64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    /// Bonus of a new user, once for each user; the configuration sets amount and validity
    RegistrationBonus,
    /// Gift of --amount credits
    Promotion,
}

#[derive(Debug, clap::Args)]
struct AccountChange {
    #[command(flatten)]
    common: Common,
    /// Reason of the change, kept in the ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: String,
}

impl Args {
    /// The command that the arguments describe.
    pub fn command(self) -> Result<Publication, Failure> {
        match self.kind {
            Kind::Consume(consume) => Ok(consume.command()),
            Kind::Hold(hold) => Ok(hold.command()),
            Kind::Capture(capture) => Ok(capture.command()),
            Kind::Release(release) => Ok(release.command()),
            Kind::Refund(refund) => Ok(refund.command()),
            Kind::Grant(grant) => Ok(grant.command()),
            Kind::Purchase(purchase) => purchase.command(),
            Kind::Subscription(subscription) => Ok(subscription.command()),
            Kind::Revoke(revoke) => revoke.command(),
            Kind::Reinstate(reinstate) => Ok(reinstate.command()),
            Kind::Forgive(forgive) => forgive.command(),
            Kind::Freeze(change) => change.command(Command::freeze),
            Kind::Unfreeze(change) => change.command(Command::unfreeze),
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
        // `Command::check` reports an argument that does not belong to the reason.
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        if let Some(days) = self.validity_days {
            command = command.validity_days(days);
        }
        self.common.finish(command)
    }
}

impl AccountChange {
    fn command(
        self,
        change: fn(String, String, String, String) -> Command,
    ) -> Result<Publication, Failure> {
        let reference = self.common.reference_or_fresh();
        let actor = self.common.actor.name()?;
        let command = change(reference, self.common.user.clone(), self.reason, actor);
        Ok(self.common.finish(command))
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

/// Checks that a text is a JSON object and keeps it as it is. Its content is checked with the rest
/// of the command.
fn object(text: &str) -> Result<Box<RawValue>, String> {
    let raw: Box<RawValue> =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    if raw.get().starts_with('{') {
        return Ok(raw);
    }
    Err("not a JSON object".to_owned())
}
