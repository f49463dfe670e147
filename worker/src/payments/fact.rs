//! What an event says, in the same form for all providers.

use chrono::{DateTime, Utc};
use producer_sdk::contract::SubscriptionStatus;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The kind of a provider's object that is linked to a user or a payment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum LinkKind {
    Customer,
    Invoice,
    Payment,
    Subscription,
}

/// The name of a link: the kind and the id of the provider's object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkKey {
    pub kind: LinkKind,
    pub id: String,
}

impl LinkKey {
    pub fn new(kind: LinkKind, id: impl Into<String>) -> Self {
        let id = id.into();
        Self { kind, id }
    }

    /// `kind:id`.
    pub fn text(&self) -> String {
        let kind: &str = self.kind.into();
        format!("{kind}:{}", self.id)
    }
}

/// To whom an event belongs: the user that it names, or else the user of the first known link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    pub user: Option<String>,
    pub links: Vec<LinkKey>,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Nothing for the ledger: the reason.
    Nothing(&'static str),
    /// It can be mapped only by a person: the reason.
    Unclear(&'static str),
    /// The links belong to a user.
    Known(Owner),
    /// A package was paid for.
    Purchase(Purchase),
    /// A subscription changed, or a period of it was paid.
    Subscription(Subscription),
    /// A payment paid an invoice.
    Pair { payment: LinkKey, invoice: String },
    /// Money was returned.
    Refund(Refund),
    /// A payment is disputed.
    Dispute(Dispute),
}

/// A package was paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The provider's id of the payment: a part of the reference.
    pub payment: String,
    /// All names of the payment, for refunds.
    pub names: Vec<LinkKey>,
    pub owner: Owner,
    /// The id of the package, from the metadata.
    pub package: Option<String>,
    /// The ids of prices and products, the first known one counts.
    pub prices: Vec<String>,
    /// What was paid, in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// Three letters.
    pub currency: Option<String>,
    pub quantity: Option<i64>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// A subscription changed, or a period of it was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: String,
    /// What the event is about, without the provider: a part of the reference.
    pub subject: String,
    pub owner: Owner,
    /// The name of the plan, from the metadata.
    pub plan: Option<String>,
    /// The ids of prices and products, the first known one counts.
    pub prices: Vec<String>,
    pub quantity: Option<i64>,
    pub status: SubscriptionStatus,
    /// From where the months count: with a trial that is granted, and without.
    pub anchor: [Option<DateTime<Utc>>; 2],
    /// The end of what is paid. `None`: the event says nothing about payment.
    pub paid_through: Option<DateTime<Utc>>,
    pub occurred_at: Option<DateTime<Utc>>,
    /// The payment of a period.
    pub paid: Option<PaidPeriod>,
}

/// The payment of a period of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidPeriod {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// In the smallest unit of the currency.
    pub amount: Option<i64>,
    /// The invoice and the payments, for refunds.
    pub links: Vec<LinkKey>,
}

/// Money was returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The id of the refund: the reference.
    pub id: String,
    /// The names of the payment.
    pub payments: Vec<LinkKey>,
    /// In the smallest unit of the currency. `None`: all of the payment.
    pub amount: Option<i64>,
    /// What was paid, if the event says it. It counts before what the payment said.
    pub paid: Option<i64>,
    /// Whether the refund failed: the money stayed.
    pub has_failed: bool,
}

/// A payment is disputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The id of the dispute: the reference.
    pub id: String,
    /// The names of the payment.
    pub payments: Vec<LinkKey>,
    /// Whether the funds came back.
    pub is_won: bool,
}
