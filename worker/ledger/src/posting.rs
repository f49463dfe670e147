//! What a decision writes: one posting is one row of `credits_transaction` and its allocations.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    command::{Command, Origin},
    fingerprint::Fingerprint,
    payment::CreditedPayment,
    refusal::Refusal,
};

/// The type of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionType {
    /// Credits that were paid for.
    Purchase,
    /// Credits spent on a service.
    Consumption,
    /// A plan's credits for one period.
    MonthlyGrant,
    /// A new user's credits.
    RegistrationBonus,
    /// Credits that lapsed.
    Expiration,
    /// Free credits that came with a purchase.
    Bonus,
    /// Free credits.
    Promotion,
    /// Credits given back.
    Refund,
    /// Credits taken back.
    Revocation,
    /// What the payment provider said of a subscription; moves nothing.
    Subscription,
    /// A wallet was stopped from spending; moves nothing.
    Freeze,
    /// A wallet may spend again; moves nothing.
    Unfreeze,
}

impl TransactionType {
    /// All types.
    pub const ALL: [Self; 12] = [
        Self::Purchase,
        Self::Consumption,
        Self::MonthlyGrant,
        Self::RegistrationBonus,
        Self::Expiration,
        Self::Bonus,
        Self::Promotion,
        Self::Refund,
        Self::Revocation,
        Self::Subscription,
        Self::Freeze,
        Self::Unfreeze,
    ];

    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Consumption => "consumption",
            Self::MonthlyGrant => "monthly_grant",
            Self::RegistrationBonus => "registration_bonus",
            Self::Expiration => "expiration",
            Self::Bonus => "bonus",
            Self::Promotion => "promotion",
            Self::Refund => "refund",
            Self::Revocation => "revocation",
            Self::Subscription => "subscription",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
        }
    }

    /// The type of a name as the database holds it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why the grant of a period brings nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Its credits would have lapsed already.
    Lapsed,
    /// It is the free plan's, and a paid plan covers the start of the period.
    PaidPlan,
}

impl Skipped {
    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lapsed => "lapsed",
            Self::PaidPlan => "paid_plan",
        }
    }

    /// The reason of a name as the database holds it.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Lapsed, Self::PaidPlan]
            .into_iter()
            .find(|skipped| skipped.as_str() == name)
    }
}

/// Which batch funded how much of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The batch.
    pub batch_id: Uuid,
    /// Credits, signed like the transaction.
    pub amount: i64,
    /// What was left in the batch afterwards.
    pub batch_remaining: i64,
}

/// What a transaction notes of the batch that it brings, so that a change of the batch's row contradicts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchNote {
    /// First instant at which its credits cannot be spent any more; never if absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// Plan or package it came from.
    pub plan: Option<String>,
    /// What was paid for it, in millionths of the currency's unit.
    pub paid_micros: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
}

/// What else an outcome said, so that it can be said again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Free grants: credits that did not fit under the cap.
    pub clipped: Option<i64>,
    /// Consumptions: the service has no price, so the default price was charged.
    pub default_price: bool,
    /// Purchases: the wallet holds more than free grants may fill it to.
    pub over_cap: bool,
    /// Monthly grants: why the period brings nothing.
    pub skipped: Option<Skipped>,
    /// Subscriptions: something later was known already.
    pub stale: bool,
    /// `insufficient_credits`: what the command costs.
    pub required: Option<i64>,
    /// `insufficient_credits`: what was spendable.
    pub available: Option<i64>,
    /// `duplicate_payment`: what credited the payment.
    pub first: Option<CreditedPayment>,
    /// The instant the caller named, where it was clamped.
    pub claimed_at: Option<DateTime<Utc>>,
    /// The command, where it was refused or moves nothing.
    pub request: Option<Box<Command>>,
    /// The batch that it brings.
    pub batch: Option<Box<BatchNote>>,
}

impl Detail {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One row of `credits_transaction` with its allocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Row id.
    pub id: Uuid,
    /// Whose wallet.
    pub user_id: String,
    /// Its type.
    pub kind: TransactionType,
    /// Positive when the wallet gains, negative when it loses, 0 when nothing moves.
    pub amount: i64,
    /// The account on the other side, such as `SERVICE:google:chat`; absent when nothing moves.
    pub other_account: Option<String>,
    /// The door its reference belongs to.
    pub origin: Origin,
    /// Unique for each origin, or for each origin and sender.
    pub reference_id: String,
    /// The verified sender of the command that it belongs to; absent if there is none.
    pub sender: Option<String>,
    /// Absent for derived references, which nobody can send.
    pub fingerprint: Option<Fingerprint>,
    /// Set when the command was refused.
    pub refusal: Option<Refusal>,
    /// The wallet's balance afterwards; absent when the user has no wallet.
    pub balance_after: Option<i64>,
    /// The service that was used.
    pub service: Option<String>,
    /// The units that were charged.
    pub quantity: Option<i64>,
    /// The payment.
    pub purchase_id: Option<String>,
    /// The line of the payment, where it has several.
    pub purchase_line: Option<String>,
    /// The subscription that it is about.
    pub subscription_id: Option<String>,
    /// The start of the period that it grants.
    pub period_start: Option<DateTime<Utc>>,
    /// The transaction that it belongs to.
    pub related_id: Option<Uuid>,
    /// A text for people.
    pub description: Option<String>,
    /// A JSON object for programs.
    pub metadata: Option<String>,
    /// What else the outcome said.
    pub detail: Detail,
    /// The effective time.
    pub occurred_at: DateTime<Utc>,
    /// Which batches it moved.
    pub allocations: Vec<Allocation>,
}

impl Posting {
    /// The account that credits leave.
    pub fn debit_account(&self) -> Option<String> {
        if self.amount < 0 {
            Some(self.wallet_account())
        } else {
            self.other_account.clone()
        }
    }

    /// The account that credits reach.
    pub fn credit_account(&self) -> Option<String> {
        if self.amount > 0 {
            Some(self.wallet_account())
        } else {
            self.other_account.clone()
        }
    }

    fn wallet_account(&self) -> String {
        format!("WALLET:{}", self.user_id)
    }
}
