//! Payments. Each payment is credited once, also if several commands with different references
//! report it.

use uuid::Uuid;

use crate::{
    action::{Action, Purchase},
    command::Command,
};

/// The identity of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PaymentKey {
    /// The payment provider's id of the payment.
    pub purchase_id: String,
    /// The line of the payment. `None` if the payment has one line.
    pub purchase_line: Option<String>,
}

impl PaymentKey {
    /// The payment that a command reports, if it is a purchase.
    pub fn from_command(command: &Command) -> Option<Self> {
        match &command.action {
            Action::Purchase(purchase) => Some(Self::from(purchase)),
            _ => None,
        }
    }
}

impl From<&Purchase> for PaymentKey {
    fn from(purchase: &Purchase) -> Self {
        Self {
            purchase_id: purchase.purchase_id.clone(),
            purchase_line: purchase.purchase_line.clone(),
        }
    }
}

/// The transaction that credited a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditedPayment {
    /// The reference of the command.
    pub reference_id: String,
    /// The id of the transaction.
    pub transaction_id: Uuid,
}
