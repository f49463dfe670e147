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
    /// The hold would expire before it begins, or last longer than the configuration allows.
    InvalidExpiry,
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
    /// The wallet has a debt, and the configuration forbids spending then.
    DebtOutstanding,
    /// The registration bonus was granted before.
    AlreadyGranted,
    /// The payment was credited before, under another reference.
    DuplicatePayment,
    /// The wallet is at its maximum balance, so no free credits fit.
    MaxBalanceReached,
    /// The hold does not exist.
    HoldNotFound,
    /// The hold was captured or released, or has expired.
    HoldClosed,
    /// Fewer credits are spendable than the command costs.
    InsufficientCredits,
    /// The user has no transaction that the command may name with this reference or payment.
    OriginalNotFound,
    /// More would be refunded than is left of the consumption or capture.
    RefundExceedsConsumption,
    /// The price of the revoked purchase is not known or 0, so it has no share that was refunded.
    AmountPaidUnknown,
    /// More would be revoked than is left of the deposit.
    RevokeExceedsCredits,
    /// The revocation was reinstated before.
    AlreadyReinstated,
    /// More would be forgiven than is owed.
    ForgiveExceedsDebt,
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
                | Self::InvalidExpiry
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
    /// The cost of the command, for `insufficient_credits`. The credits to return, for
    /// `refund_exceeds_consumption`, if the command named them.
    pub required: Option<i64>,
    /// The credits that were spendable at the command's effective time, for `insufficient_credits`.
    /// The credits that were left to return, for `refund_exceeds_consumption`.
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

    /// `refund_exceeds_consumption` with the credits that the command names, and those that are
    /// left to return.
    pub const fn exceeds_consumption(required: Option<i64>, left: i64) -> Self {
        Self {
            code: Refusal::RefundExceedsConsumption,
            required,
            available: Some(left),
            first: None,
        }
    }

    /// `revoke_exceeds_credits` with the credits that the command names, and those that are left of
    /// the deposit.
    pub const fn exceeds_deposit(required: Option<i64>, left: i64) -> Self {
        Self {
            code: Refusal::RevokeExceedsCredits,
            required,
            available: Some(left),
            first: None,
        }
    }

    /// `forgive_exceeds_debt` with the credits that the command names, and those that are owed.
    pub const fn exceeds_debt(required: Option<i64>, debt: i64) -> Self {
        Self {
            code: Refusal::ForgiveExceedsDebt,
            required,
            available: Some(debt),
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
        let excess = match self.code {
            Refusal::RefundExceedsConsumption => Some(("refunded", "consumption")),
            Refusal::RevokeExceedsCredits => Some(("revoked", "deposit")),
            Refusal::ForgiveExceedsDebt => Some(("forgiven", "debt")),
            _ => None,
        };
        if let (Some((done, of)), Some(left)) = (excess, self.available) {
            return match self.required {
                Some(required) => write!(
                    f,
                    "{required} credits would be {done}, {left} are left of the {of}"
                ),
                None => write!(f, "nothing is left of the {of} that could be {done}"),
            };
        }
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
            Refusal::InvalidExpiry => {
                "the hold must expire after its effective time, within `holds.max_duration`"
            }
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
            Refusal::DebtOutstanding => "this wallet has a debt",
            Refusal::OriginalNotFound => "this user has no such transaction that can be named",
            Refusal::RefundExceedsConsumption => "more would be refunded than was consumed",
            Refusal::AmountPaidUnknown => "this deposit has no `amountPaid` above 0",
            Refusal::RevokeExceedsCredits => "more would be revoked than was deposited",
            Refusal::AlreadyReinstated => "this revocation was reinstated before",
            Refusal::ForgiveExceedsDebt => "more would be forgiven than is owed",
            Refusal::HoldNotFound => "there is no such hold",
            Refusal::HoldClosed => "this hold is closed",
        })
    }
}
