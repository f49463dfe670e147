//! The arguments of `scrip publish refund`.

use producer_sdk::{Command, contract::Origin};

use super::{Common, Publication};
use crate::cli::values;

#[derive(Debug, clap::Args)]
pub(super) struct Refund {
    #[command(flatten)]
    common: Common,
    /// Reference of the consumption or capture
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    of: String,
    /// Credits to return. Default: all that are left of what was charged
    #[arg(long, value_name = "CREDITS", value_parser = values::amount, allow_hyphen_values = true)]
    amount: Option<i64>,
}

impl Refund {
    pub(super) fn command(self) -> Publication {
        let reference = self.common.reference_or_fresh();
        let mut command = Command::refund(reference, &self.common.user, self.of);
        if let Some(amount) = self.amount {
            command = command.amount(amount);
        }
        self.common.finish(command.through(Origin::Funding))
    }
}
