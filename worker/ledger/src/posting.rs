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
    /// Credits of a consumption or capture that were returned.
    Refund,
    /// Credits of a deposit that were taken back.
    Revocation,
    /// Credits were reserved. It moves no credits.
    Hold,
    /// Credits of a hold spent on a service.
    Capture,
    /// The rest of a hold was returned. It moves no credits.
    Release,
    /// A change of a subscription, as the payment provider reported it. It moves no credits.
    Subscription,
    /// A wallet was stopped from spending. It moves no credits.
    Freeze,
    /// A wallet was allowed to spend again. It moves no credits.
    Unfreeze,
    /// Revoked credits that could not be taken, because they were spent or are held.
    Debt,
    /// Credits that reduce a debt.
    Repayment,
    /// A debt that was written off.
    Forgiveness,
    /// Credits of a revocation that were returned, or its debt that was cancelled.
    Reinstatement,
}

impl TransactionType {
    /// Whether it brings credits that a revocation may take back.
    pub const fn is_deposit(self) -> bool {
        matches!(
            self,
            Self::Purchase
                | Self::Bonus
                | Self::MonthlyGrant
                | Self::RegistrationBonus
                | Self::Promotion
        )
    }

    /// Whether it spends credits on a service, so that a refund may return them.
    pub const fn is_refundable(self) -> bool {
        matches!(self, Self::Consumption | Self::Capture)
    }

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

/// A batch that a refund or a reinstatement adds in place of another one, because that one has
/// expired or because its credits had repaid a debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementNote {
    /// The id of the new batch.
    pub batch_id: Uuid,
    /// The id of the batch that it replaces.
    pub replaces: Uuid,
    /// The fields of the new batch.
    pub batch: BatchNote,
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
    /// The cost of the command, for `insufficient_credits`. The credits to return, for
    /// `refund_exceeds_consumption`, if the command named them.
    pub required: Option<i64>,
    /// The credits that were spendable, for `insufficient_credits`. The credits that were left to
    /// return, for `refund_exceeds_consumption`.
    pub available: Option<i64>,
    /// The transaction that credited the payment, for `duplicate_payment`.
    pub first: Option<CreditedPayment>,
    /// The credits that the hold reserves after the command.
    pub held: Option<i64>,
    /// The first instant at which the hold reserves nothing any more.
    pub hold_expires_at: Option<DateTime<Utc>>,
    /// The part of a capture's cost that was not available.
    pub uncaptured: Option<i64>,
    /// The part of a capture's amount beyond what was left of the hold.
    pub beyond_hold: Option<i64>,
    /// The deposit that a revocation, its debt or a reinstatement is about.
    pub deposit_id: Option<Uuid>,
    /// The credits of the deposit that a revocation revokes, whether they were taken, are owed or
    /// have expired.
    pub revoked: Option<i64>,
    /// The debt of the wallet afterwards, if the transaction may change it.
    pub debt: Option<i64>,
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
    /// The batches that a refund or a reinstatement adds.
    pub replacements: Vec<ReplacementNote>,
    /// The debts that the transaction repays, forgives or cancels, and the credits of each.
    pub debts: Vec<(Uuid, i64)>,
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
    /// The change of the wallet's debt, in credits. 0 for transactions that do not change it.
    pub debt_change: i64,
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
    /// The service that was used or reserved for. `None` unless it is a consumption, a hold, a
    /// capture or a refund.
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
    /// The transaction that it belongs to: the purchase of a bonus, the hold of a capture or
    /// release, the consumption or capture of a refund, the deposit of a revocation, the revocation
    /// of a reinstatement. Rows that a command derives belong to its own row.
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
        match (self.amount, self.debt_change) {
            (..0, _) => Some(self.wallet_account()),
            (0, 1..) => Some(self.debt_account()),
            _ => self.other_account.clone(),
        }
    }

    /// The account that the credits reach.
    pub fn credit_account(&self) -> Option<String> {
        match (self.amount, self.debt_change) {
            (1.., _) => Some(self.wallet_account()),
            (0, ..0) => Some(self.debt_account()),
            _ => self.other_account.clone(),
        }
    }

    /// The account of the wallet's debt. Its balance is minus the debt.
    pub fn debt_account(&self) -> String {
        format!("DEBT:{}", self.user_id)
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
    /// The change of the debt, in credits.
    pub debt_change: i64,
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
            debt_change: posting.debt_change,
            refusal: posting.refusal,
            balance_after: posting.balance_after,
            detail: posting.detail.clone(),
            allocations: posting.allocations.clone(),
        }
    }
}
