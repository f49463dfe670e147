//! The command `refund`.

use super::checks;
use super::limits::MAX_AMOUNT;
use super::rejection::Rejection;

/// Returns credits of a consumption or a capture to the batches that they were taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The reference of the consumption or capture.
    pub of: String,
    /// Credits to return. `None` means all that are left.
    pub amount: Option<i64>,
}

impl Refund {
    pub(super) fn check(&self) -> Result<(), Rejection> {
        checks::id("of", &self.of)?;
        self.amount
            .map_or(Ok(()), |amount| checks::range("amount", amount, MAX_AMOUNT))
    }
}
