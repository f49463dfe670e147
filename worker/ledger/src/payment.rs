//! Payments: each is credited once, whatever the references of the commands that report it.

use uuid::Uuid;

use crate::command::{Action, Command};

/// What a payment is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PaymentKey {
    /// The payment provider's id of the payment.
    pub purchase_id: String,
    /// The line of the payment; absent where the payment has one line.
    pub purchase_line: Option<String>,
}

impl PaymentKey {
    /// The payment that a command reports, if it is a purchase.
    pub fn from_command(command: &Command) -> Option<Self> {
        match &command.action {
            Action::Purchase {
                purchase_id,
                purchase_line,
                ..
            } => Some(Self {
                purchase_id: purchase_id.clone(),
                purchase_line: purchase_line.clone(),
            }),
            _ => None,
        }
    }
}

/// The transaction that credited a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditedPayment {
    /// Reference of the command.
    pub reference_id: String,
    /// Id of the transaction.
    pub transaction_id: Uuid,
}
