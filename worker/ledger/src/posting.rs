//! Postings: the rows that a decision writes. One posting is one row of `credits_transaction` with
//! its allocations.

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::{
    command::{Command, Origin},
    fingerprint::Fingerprint,
    payment::CreditedPayment,
    refusal::Refusal,
};

/// The type of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum TransactionType {
    /// Credits that were paid for.
    Purchase,
    /// Credits spent on a service.
    Consumption,
    /// A plan's credits for one period.
    MonthlyGrant,
    /// The credits that a new user gets.
    RegistrationBonus,
    /// Expired credits that were removed.
    Expiration,
    /// Free credits that came with a purchase.
    Bonus,
    /// Free credits.
    Promotion,
    /// Credits returned to the user. Reserved.
    Refund,
    /// Credits taken back from the user. Reserved.
    Revocation,
    /// A change of a subscription, as the payment provider reported it. It moves no credits.
    Subscription,
    /// A wallet was stopped from spending. It moves no credits.
    Freeze,
    /// A wallet was allowed to spend again. It moves no credits.
    Unfreeze,
}

impl TransactionType {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The reason why the grant of a period brings no credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Skipped {
    /// The credits would have expired already.
    #[strum(serialize = "lapsed")]
    Expired,
    /// The period belongs to the free plan, and a paid plan covers its start.
    PaidPlan,
}

impl Skipped {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The part of a transaction that one batch funded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The id of the batch.
    pub batch_id: Uuid,
    /// Credits, with the sign of the transaction.
    pub amount: i64,
    /// The credits that were left in the batch afterwards.
    pub batch_remaining: i64,
}

/// The copy of a batch's fields that its transaction stores. A later change of the batch's row
/// contradicts this copy, so a check detects it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchNote {
    /// The first instant at which its credits cannot be spent any more. `None` means never.
    pub expires_at: Option<DateTime<Utc>>,
    /// The plan or package it came from.
    pub plan: Option<String>,
    /// The price that was paid for it, in millionths of the currency's unit.
    pub paid_micros: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
}

/// Details of an outcome without a column of their own. They are stored so that a replay can return
/// the same outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The credits of a free grant that did not fit under the cap.
    pub clipped: Option<i64>,
    /// Whether a consumption was charged at the default price, or would have been, because the
    /// service has no price.
    pub default_price: bool,
    /// Whether a purchase took the wallet over the cap.
    pub over_cap: bool,
    /// The reason why a monthly grant brings no credits.
    pub skipped: Option<Skipped>,
    /// Whether a later event of the subscription was known already.
    pub stale: bool,
    /// The cost of the command, for `insufficient_credits`.
    pub required: Option<i64>,
    /// The credits that were spendable, for `insufficient_credits`.
    pub available: Option<i64>,
    /// The transaction that credited the payment, for `duplicate_payment`.
    pub first: Option<CreditedPayment>,
}

impl Detail {
    /// Whether all fields are empty, so that nothing has to be stored.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a transaction stores for people and for checks. The outcome does not depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The instant in the command, if it was clamped.
    pub claimed_at: Option<DateTime<Utc>>,
    /// The command, if it was refused or moves no credits.
    pub request: Option<Box<Command>>,
    /// The batch that the transaction adds.
    pub batch: Option<Box<BatchNote>>,
}

impl Audit {
    /// Whether all fields are empty, so that nothing has to be stored.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One row of `credits_transaction` with its allocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The id of the row.
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The type of the transaction.
    pub kind: TransactionType,
    /// Positive if the wallet gains credits, negative if it loses credits, 0 if no credits move.
    pub amount: i64,
    /// The account on the other side, such as `SERVICE:google:chat`. `None` if no credits move.
    pub other_account: Option<String>,
    /// The origin that its reference belongs to.
    pub origin: Origin,
    /// The reference. It is unique per origin, or per origin and sender
    /// ([`References`](crate::References)).
    pub reference_id: String,
    /// The verified sender of the command. `None` if the command has none.
    pub sender: Option<String>,
    /// The fingerprint of the command. `None` for derived references, which no command can have.
    pub fingerprint: Option<Fingerprint>,
    /// The reason for the refusal. `None` if the transaction is completed.
    pub refusal: Option<Refusal>,
    /// The wallet's balance afterwards. `None` if the user has no wallet.
    pub balance_after: Option<i64>,
    /// The service that was used. `None` unless it is a consumption.
    pub service: Option<String>,
    /// The number of units that were charged, if the command named it.
    pub quantity: Option<i64>,
    /// The payment that it credits.
    pub purchase_id: Option<String>,
    /// The line of the payment, if it has several.
    pub purchase_line: Option<String>,
    /// The subscription that it belongs to.
    pub subscription_id: Option<String>,
    /// The start of the period that it grants.
    pub period_start: Option<DateTime<Utc>>,
    /// The transaction that caused it, such as the purchase of a bonus.
    pub related_id: Option<Uuid>,
    /// The command's text for people.
    pub description: Option<String>,
    /// The command's JSON object for programs.
    pub metadata: Option<String>,
    /// Further details of the outcome.
    pub detail: Detail,
    /// What is stored for people and for checks.
    pub audit: Audit,
    /// The effective time of the command.
    pub occurred_at: DateTime<Utc>,
    /// The changes of batches.
    pub allocations: Vec<Allocation>,
}

impl Posting {
    /// The account that the credits leave.
    pub fn debit_account(&self) -> Option<String> {
        if self.amount < 0 {
            Some(self.wallet_account())
        } else {
            self.other_account.clone()
        }
    }

    /// The account that the credits reach.
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

/// A transaction, with only the fields that the outcome of its command needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTransaction {
    /// The id of the row.
    pub id: Uuid,
    /// The type of the transaction.
    pub kind: TransactionType,
    /// The change of the balance, in credits.
    pub amount: i64,
    /// The reason for the refusal. `None` if the transaction is completed.
    pub refusal: Option<Refusal>,
    /// The wallet's balance afterwards. `None` if the user has no wallet.
    pub balance_after: Option<i64>,
    /// Further details of the outcome.
    pub detail: Detail,
    /// The changes of batches.
    pub allocations: Vec<Allocation>,
}

impl From<&Posting> for RecordedTransaction {
    fn from(posting: &Posting) -> Self {
        Self {
            id: posting.id,
            kind: posting.kind,
            amount: posting.amount,
            refusal: posting.refusal,
            balance_after: posting.balance_after,
            detail: posting.detail.clone(),
            allocations: posting.allocations.clone(),
        }
    }
}
