//! The commands `revoke`, `reinstate` and `forgive`.

use scrip_types::{RevokeExtent, RevokeTarget};

use super::checks;
use super::limits::MAX_AMOUNT;
use super::money::{AMOUNT_PAID, AmountPaid};
use super::rejection::Rejection;

pub(crate) const SHARE: &str = "a decimal number in quotes, above \"0\" to \"1\" with at most 6 \
     decimals, such as \"0.25\"";
/// The share of a whole deposit, in millionths.
const WHOLE: i64 = 1_000_000;

/// Takes credits of a deposit back, and of the bonus that came with a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// The deposit.
    pub target: RevokeTarget,
    /// How much of it is taken back.
    pub extent: RevokeExtent,
}

/// Undoes a revocation, after a dispute was won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reinstate {
    /// The reference of the revocation.
    pub of: String,
}

/// Writes off debt, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgive {
    /// Credits to write off. `None` means the whole debt.
    pub amount: Option<i64>,
    /// The reason, for people.
    pub reason: String,
    /// The person or system that requested it, such as `ops:maria`.
    pub actor: String,
}

impl Revoke {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        match &self.target {
            RevokeTarget::Reference(of) => checks::id("of", of)?,
            RevokeTarget::Payment {
                purchase_id,
                purchase_line,
            } => {
                checks::id("purchaseId", purchase_id)?;
                let line = purchase_line.as_deref();
                line.map_or(Ok(()), |line| checks::id("purchaseLine", line))?;
            }
        }
        match self.extent {
            RevokeExtent::All => Ok(()),
            RevokeExtent::Amount(amount) => checks::range("amount", amount, MAX_AMOUNT),
            RevokeExtent::Share(share) if (1..=WHOLE).contains(&share) => Ok(()),
            RevokeExtent::Share(share) => {
                let found = format!("{share} millionths");
                Err(Rejection::invalid("share", found, SHARE))
            }
            RevokeExtent::AmountRefunded(micros) if AmountPaid::from_micros(micros).is_some() => {
                Ok(())
            }
            RevokeExtent::AmountRefunded(micros) => {
                let found = format!("{micros} millionths");
                Err(Rejection::invalid("amountRefunded", found, AMOUNT_PAID))
            }
        }
    }

    /// The field that says how much is taken back.
    pub(super) fn extent_field(&self) -> Option<&'static str> {
        match self.extent {
            RevokeExtent::All => None,
            RevokeExtent::Amount(_) => Some("amount"),
            RevokeExtent::Share(_) => Some("share"),
            RevokeExtent::AmountRefunded(_) => Some("amountRefunded"),
        }
    }
}

impl Reinstate {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        checks::id("of", &self.of)
    }
}

impl Forgive {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        let amount = self.amount;
        amount.map_or(Ok(()), |amount| checks::range("amount", amount, MAX_AMOUNT))?;
        checks::id("reason", &self.reason)?;
        checks::id("actor", &self.actor)
    }
}

/// The share that a decimal text names, in millionths.
pub(crate) fn share(text: &str) -> Result<i64, Rejection> {
    let share = AmountPaid::read("share", text, SHARE)?.micros();
    if (1..=WHOLE).contains(&share) {
        return Ok(share);
    }
    let found = super::json::found_text(text);
    Err(Rejection::invalid("share", found, SHARE))
}

/// The amount of money that a decimal text names, in millionths.
pub(crate) fn amount_refunded(text: &str) -> Result<i64, Rejection> {
    AmountPaid::read("amountRefunded", text, AMOUNT_PAID).map(AmountPaid::micros)
}

/// A number of millionths as the shortest decimal.
pub(crate) fn decimal(millionths: i64) -> Option<String> {
    AmountPaid::from_micros(millionths).map(|decimal| decimal.to_string())
}
