//! The arguments of `scrip publish hold`, `capture` and `release`.

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use producer_sdk::{
    Command,
    contract::{Late, Origin, Overrun},
};

use super::{Common, Publication};
use crate::cli::values;

/// The exchange through which the command is sent.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Through {
    /// The exchange of apps
    Usage,
    /// The exchange of payment bridges and support staff
    Funding,
}

/// The argument that every command about holds has.
#[derive(Debug, clap::Args)]
struct Sender {
    /// Exchange through which to send it: an account may write to one of them only
    #[arg(long = "origin", value_enum, default_value_t = Through::Usage)]
    through: Through,
}

impl Sender {
    fn apply(&self, command: Command) -> Command {
        command.through(match self.through {
            Through::Usage => Origin::Usage,
            Through::Funding => Origin::Funding,
        })
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Hold {
    #[command(flatten)]
    common: Common,
    /// Service, as the price list names it
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    service: String,
    /// Credits to reserve, regardless of the price of the service
    #[arg(
        long,
        value_name = "CREDITS",
        conflicts_with = "quantity",
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    amount: Option<i64>,
    /// Units of the service, reserved at its price. Default: 1
    #[arg(long, value_name = "UNITS", value_parser = values::amount, allow_hyphen_values = true)]
    quantity: Option<i64>,
    /// Instant at which the hold ends (RFC 3339). Default: 15 minutes from now
    #[arg(
        long,
        value_name = "INSTANT",
        conflicts_with = "expires_in_seconds",
        value_parser = values::instant,
        allow_hyphen_values = true
    )]
    expires_at: Option<DateTime<Utc>>,
    /// Seconds after which the hold ends
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = values::hold_seconds,
        allow_hyphen_values = true
    )]
    expires_in_seconds: Option<i64>,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, clap::Args)]
pub(super) struct Capture {
    #[command(flatten)]
    common: Common,
    /// Reference of the hold
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    hold: String,
    /// Credits to spend. Default: all that the hold still reserves
    #[arg(
        long,
        value_name = "CREDITS",
        conflicts_with = "quantity",
        value_parser = values::amount,
        allow_hyphen_values = true
    )]
    amount: Option<i64>,
    /// Units to charge, at the price at the time of the hold
    #[arg(long, value_name = "UNITS", value_parser = values::amount, allow_hyphen_values = true)]
    quantity: Option<i64>,
    /// Keep the rest reserved for further captures
    #[arg(long)]
    keep_rest: bool,
    /// Treatment of a cost above the hold: `spend` takes the excess from available credits, all or
    /// nothing, `cap` takes what is available, `reject` refuses. Default: spend
    #[arg(long, value_parser = values::name_of::<Overrun>())]
    overrun: Option<Overrun>,
    /// Treatment of a hold that has ended: `consume` charges like a consumption, `reject` refuses.
    /// Default: consume
    #[arg(long, value_parser = values::name_of::<Late>())]
    late: Option<Late>,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, clap::Args)]
pub(super) struct Release {
    #[command(flatten)]
    common: Common,
    /// Reference of the hold
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    hold: String,
    #[command(flatten)]
    sender: Sender,
}

impl Hold {
    pub(super) fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let mut command = Command::hold(reference, &self.common.user, self.service);
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        if let Some(quantity) = self.quantity {
            command = command.quantity(quantity);
        }
        if let Some(at) = self.expires_at {
            command = command.expires_at(at);
        }
        if let Some(seconds) = self.expires_in_seconds {
            command = command.expires_in_seconds(seconds);
        }
        self.common.finish(self.sender.apply(command))
    }
}

impl Capture {
    pub(super) fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let mut command = Command::capture(reference, &self.common.user, self.hold);
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        if let Some(quantity) = self.quantity {
            command = command.quantity(quantity);
        }
        if self.keep_rest {
            command = command.is_final(false);
        }
        if let Some(overrun) = self.overrun {
            command = command.overrun(overrun);
        }
        if let Some(late) = self.late {
            command = command.late(late);
        }
        self.common.finish(self.sender.apply(command))
    }
}

impl Release {
    pub(super) fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let command = Command::release(reference, &self.common.user, self.hold);
        self.common.finish(self.sender.apply(command))
    }
}
