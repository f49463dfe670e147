//! The closed list of reasons for which a command is refused.

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::payment::CreditedPayment;

/// The code of a refusal.
///
/// The variants are in order of precedence: if several apply, the first one is returned. The
/// documentation and the tests use the same order.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// The reference was used before for a command with other content.
    ReferenceConflict,
    /// The credit system is disabled by the configuration.
    CreditsDisabled,
    /// The computed price, or the resulting sum, is out of range.
    InvalidAmount,
    /// The service has no price, and the configuration rejects such services.
    UnknownService,
    /// No package has this id or price id.
    UnknownPackage,
    /// The subscription belongs to another user.
    SubscriptionConflict,
    /// No plan has this name.
    UnknownPlan,
    /// The plan is disabled by the configuration.
    PlanDisabled,
    /// The subscription has no such period, or the period is not due.
    NotDue,
    /// The user has no wallet.
    WalletNotFound,
    /// The wallet is frozen.
    WalletFrozen,
    /// The registration bonus was granted before.
    AlreadyGranted,
    /// The payment was credited before, under another reference.
    DuplicatePayment,
    /// The wallet is at its maximum balance, so no free credits fit.
    MaxBalanceReached,
    /// Fewer credits are spendable than the command costs.
    InsufficientCredits,
    /// The transaction to refund does not exist. Reserved for refunds.
    OriginalNotFound,
    /// More would be refunded than was consumed. Reserved for refunds.
    RefundExceedsConsumption,
    /// The hold does not exist. Reserved for holds.
    HoldNotFound,
    /// The hold was captured, released or timed out. Reserved for holds.
    HoldClosed,
}

impl Refusal {
    /// The code on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the refusal is stored.
    ///
    /// The state of the ledger decides a stored refusal, so it is final for its reference. Other
    /// refusals are returned but not stored: those that depend on the configuration, which may be
    /// fixed, and those that may be valid later.
    pub const fn is_stored(self) -> bool {
        !matches!(
            self,
            Self::ReferenceConflict
                | Self::CreditsDisabled
                | Self::InvalidAmount
                | Self::UnknownService
                | Self::UnknownPackage
                | Self::UnknownPlan
                | Self::PlanDisabled
                | Self::SubscriptionConflict
                | Self::NotDue
        )
    }
}

/// A refusal with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason for the refusal.
    pub code: Refusal,
    /// The cost of the command, for `insufficient_credits`.
    pub required: Option<i64>,
    /// The credits that were spendable at the command's effective time, for `insufficient_credits`.
    pub available: Option<i64>,
    /// The transaction that credited the payment, for `duplicate_payment`.
    pub first: Option<CreditedPayment>,
}

impl From<Refusal> for Refused {
    fn from(code: Refusal) -> Self {
        Self {
            code,
            required: None,
            available: None,
            first: None,
        }
    }
}

impl Refused {
    /// `insufficient_credits` with the cost and the spendable credits.
    pub const fn insufficient(required: i64, available: i64) -> Self {
        Self {
            code: Refusal::InsufficientCredits,
            required: Some(required),
            available: Some(available),
            first: None,
        }
    }

    /// `duplicate_payment` with the transaction that credited the payment.
    pub const fn duplicate_payment(first: CreditedPayment) -> Self {
        Self {
            code: Refusal::DuplicatePayment,
            required: None,
            available: None,
            first: Some(first),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(required), Some(available)) = (self.required, self.available) {
            return write!(
                f,
                "{required} credits are required, {available} are available"
            );
        }
        if let Some(first) = &self.first {
            return write!(
                f,
                "this payment was credited before, by reference `{}` (transaction {})",
                first.reference_id, first.transaction_id
            );
        }
        f.write_str(match self.code {
            Refusal::ReferenceConflict => {
                "this referenceId was used before for a command with other content"
            }
            Refusal::CreditsDisabled => "the credit system is disabled",
            Refusal::InvalidAmount => "the resulting amount is out of range",
            Refusal::UnknownService => "this service has no price",
            Refusal::UnknownPackage => "there is no such package",
            Refusal::UnknownPlan => "there is no such plan",
            Refusal::PlanDisabled => "this plan is disabled",
            Refusal::SubscriptionConflict => "this subscription belongs to another user",
            Refusal::NotDue => "the subscription has no such period that is due",
            Refusal::WalletNotFound => "this user has no wallet",
            Refusal::WalletFrozen => "this wallet is frozen",
            Refusal::AlreadyGranted => "the registration bonus was granted before",
            Refusal::DuplicatePayment => "this payment was credited before",
            Refusal::MaxBalanceReached => "the wallet is at its maximum balance",
            Refusal::InsufficientCredits => "there are not enough credits",
            Refusal::OriginalNotFound => "the original transaction does not exist",
            Refusal::RefundExceedsConsumption => "more would be refunded than was consumed",
            Refusal::HoldNotFound => "there is no such hold",
            Refusal::HoldClosed => "this hold is closed",
        })
    }
}
