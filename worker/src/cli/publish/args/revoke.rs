//! The arguments of `scrip publish revoke`, `reinstate` and `forgive`.

use clap::ArgGroup;
use producer_sdk::Command;

use super::{Common, Publication};
use crate::cli::{failure::Failure, values};

#[derive(Debug, clap::Args)]
#[command(
    group(ArgGroup::new("target").required(true).args(["of", "payment"])),
    group(ArgGroup::new("extent").args(["amount", "share", "amount_refunded"]))
)]
pub(super) struct Revoke {
    #[command(flatten)]
    common: Common,
    /// Reference of the deposit: a purchase, a grant or a bonus
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    of: Option<String>,
    /// Id of the payment of a purchase
    #[arg(long = "purchase-id", value_name = "ID", allow_hyphen_values = true)]
    payment: Option<String>,
    /// Line of the payment, if it has several
    #[arg(
        long = "purchase-line",
        value_name = "ID",
        requires = "payment",
        allow_hyphen_values = true
    )]
    line: Option<String>,
    /// Credits to revoke. Default: all that are left of the deposit
    #[arg(long, value_name = "CREDITS", value_parser = values::amount, allow_hyphen_values = true)]
    amount: Option<i64>,
    /// Share of the deposit to revoke, such as 0.25
    #[arg(long, value_name = "DECIMAL", allow_hyphen_values = true)]
    share: Option<String>,
    /// Amount that was refunded of the payment so far, such as 2.50
    #[arg(long, value_name = "DECIMAL", allow_hyphen_values = true)]
    amount_refunded: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reinstate {
    #[command(flatten)]
    common: Common,
    /// Reference of the revocation
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    of: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Forgive {
    #[command(flatten)]
    common: Common,
    /// Debt to write off, in credits. Default: all
    #[arg(long, value_name = "CREDITS", value_parser = values::amount, allow_hyphen_values = true)]
    amount: Option<i64>,
    /// Reason, kept in the ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: String,
}

impl Revoke {
    pub(super) fn command(self) -> Result<Publication, Failure> {
        let reference = self.common.reference_or_fresh();
        let user = &self.common.user;
        let mut command = match (self.of, self.payment) {
            (Some(of), _) => Command::revoke(reference, user, of),
            (None, Some(payment)) => Command::revoke_purchase(reference, user, payment),
            (None, None) => {
                return Err(Failure::new("one of --of and --purchase-id is required").as_usage());
            }
        };
        if let Some(line) = self.line {
            command = command.purchase_line(line);
        }
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        let as_usage = |rejection| Failure::from(rejection).as_usage();
        if let Some(share) = &self.share {
            command = command.share(share).map_err(as_usage)?;
        }
        if let Some(refunded) = &self.amount_refunded {
            command = command.amount_refunded(refunded).map_err(as_usage)?;
        }
        Ok(self.common.finish(command))
    }
}

impl Reinstate {
    pub(super) fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let command = Command::reinstate(reference, &self.common.user, self.of);
        self.common.finish(command)
    }
}

impl Forgive {
    pub(super) fn command(self) -> Result<Publication, Failure> {
        let reference = self.common.reference_or_fresh();
        let actor = self.common.actor.name()?;
        let mut command = Command::forgive(reference, &self.common.user, self.reason, actor);
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        Ok(self.common.finish(command))
    }
}
