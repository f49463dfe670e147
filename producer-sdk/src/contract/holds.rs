//! The fields of the commands `hold`, `capture` and `release`, which reserve credits before the
//! cost is known.

use chrono::{DateTime, Utc};
use scrip_types::{Late, Overrun};

use super::checks;
use super::limits::{MAX_AMOUNT, MAX_HOLD_SECONDS};
use super::rejection::Rejection;

/// Reserves credits for a service: `amount` credits, or the price of `quantity` units. Without both
/// it is the price of one unit.
///
/// The reference of the command is the name of the hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The name of the service in the worker's price list.
    pub service: String,
    /// Credits to reserve, regardless of the service's price.
    pub amount: Option<i64>,
    /// Units of the service, which the worker prices. Excludes `amount`.
    pub quantity: Option<i64>,
    /// The first instant at which nothing is reserved any more. `None`, without
    /// `expires_in_seconds`, means 15 minutes after the effective time of the command.
    pub expires_at: Option<DateTime<Utc>>,
    /// Seconds from the effective time of the command to the end of the hold. Excludes
    /// `expires_at`.
    pub expires_in_seconds: Option<i64>,
}

/// Spends credits that a hold reserves: `amount` credits, or the price of `quantity` units at the
/// time of the hold. Without both it is all that the hold still reserves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The reference of the hold.
    pub hold: String,
    /// Credits to spend, regardless of the service's price.
    pub amount: Option<i64>,
    /// Units of the service. Excludes `amount`.
    pub quantity: Option<i64>,
    /// Whether the hold ends with this capture. `None` means `true`.
    pub is_final: Option<bool>,
    /// The treatment of a cost above the hold. `None` means [`Overrun::Spend`].
    pub overrun: Option<Overrun>,
    /// The treatment of a hold that has ended. `None` means [`Late::Consume`].
    pub late: Option<Late>,
}

/// Ends a hold and returns what it still reserves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The reference of the hold.
    pub hold: String,
}

impl Hold {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        checks::id("service", &self.service)?;
        check_cost(self.amount, self.quantity)?;
        if let Some(at) = self.expires_at {
            checks::instant("expiresAt", at)?;
            if self.expires_in_seconds.is_some() {
                return Err(Rejection::not_with("expiresInSeconds", "expiresAt"));
            }
        }
        self.expires_in_seconds.map_or(Ok(()), |seconds| {
            checks::range("expiresInSeconds", seconds, MAX_HOLD_SECONDS)
        })
    }
}

impl Capture {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        checks::known_id("hold", &self.hold)?;
        check_cost(self.amount, self.quantity)
    }
}

impl Release {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        checks::known_id("hold", &self.hold)
    }
}

/// Checks a number of credits or units. At most one of them may be set.
pub(super) fn check_cost(amount: Option<i64>, quantity: Option<i64>) -> Result<(), Rejection> {
    amount.map_or(Ok(()), |amount| checks::range("amount", amount, MAX_AMOUNT))?;
    quantity.map_or(Ok(()), |quantity| {
        checks::range("quantity", quantity, MAX_AMOUNT)
    })?;
    match (amount, quantity) {
        (Some(_), Some(_)) => Err(Rejection::not_with("quantity", "amount")),
        _ => Ok(()),
    }
}
