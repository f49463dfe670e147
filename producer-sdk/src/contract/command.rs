//! Commands: messages that ask for a change of a wallet.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::limits::{self, MAX_AMOUNT, MAX_VALIDITY_DAYS};
use super::money::AmountPaid;
use super::rejection::{Rejection, RejectionCode};
use super::{decode, wire};

/// How the ids of the subscriptions begin that the worker opens by itself.
const FREE: &str = "free:";

/// One command. Made by the constructors ([`Command::consume`] and its siblings) or read by [`Command::from_json`].
#[derive(Debug, Clone)]
pub struct Command {
    /// The caller's own name for this change; the same name again is the same change, never a second one.
    pub reference_id: String,
    /// Whose wallet.
    pub user_id: String,
    /// When it happened, if that is known; the producer stamps it when it is absent.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Words for people, kept with the transaction.
    pub description: Option<String>,
    /// Anything the caller wants kept with the transaction: a JSON object of at most 4 KiB.
    pub metadata: Option<Box<RawValue>>,
    /// W3C trace context, sent as a header; it is no part of the body.
    pub traceparent: Option<String>,
    /// What is asked for.
    pub body: Body,
    /// A setter was called that this command has no field for; [`Command::check`] says so.
    pub(super) misplaced: Option<&'static str>,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Spend credits.
    Consume(Consume),
    /// Give free credits.
    Grant(Grant),
    /// Credit what was paid for.
    Purchase(Purchase),
    /// What the payment provider says of a subscription.
    Subscription(Subscription),
    /// Stop a wallet from spending.
    Freeze(AccountChange),
    /// Let a wallet spend again.
    Unfreeze(AccountChange),
    /// Take back what has lapsed; only the worker itself asks for it.
    Expire(Expire),
}

/// Spend credits on a service: `amount` of them, or its price for `quantity` units; neither means one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consume {
    /// The service, as the worker's price list names it.
    pub service: String,
    /// Credits to take, whatever the service costs.
    pub amount: Option<i64>,
    /// Units of the service, to be priced by the worker. Not together with `amount`.
    pub quantity: Option<i64>,
}

/// Give free credits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// Once per user, ever; amount and validity are the worker's configuration.
    RegistrationBonus,
    /// A gift of the operator's choice.
    Promotion {
        /// Credits to give.
        amount: i64,
        /// Days until they lapse; absent: never.
        validity_days: Option<i64>,
    },
    /// A plan's credits for one period; only the worker itself asks for it.
    Monthly {
        /// Whose period.
        subscription_id: String,
        /// Where the period starts.
        period_start: DateTime<Utc>,
    },
}

/// What the payment provider says of a subscription. Events may arrive in any order: the latest `occurredAt` counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The payment provider's id of it.
    pub subscription_id: String,
    /// The plan, as the worker's configuration names it.
    pub plan: String,
    /// What it is now.
    pub status: SubscriptionStatus,
    /// From where its months are counted; absent: from the first event.
    pub anchor: Option<DateTime<Utc>>,
    /// Up to where it is paid, if that is known: no period that starts later is granted.
    pub paid_through: Option<DateTime<Utc>>,
}

/// What a subscription is, as the payment provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// `active`
    Active,
    /// `trialing`
    Trialing,
    /// `past_due`: a payment is late.
    PastDue,
    /// `paused`
    Paused,
    /// `canceled`
    Canceled,
    /// `expired`
    Expired,
}

impl SubscriptionStatus {
    /// Every status there is.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Trialing,
        Self::PastDue,
        Self::Paused,
        Self::Canceled,
        Self::Expired,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// Whether a wallet may spend: why, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// Why.
    pub reason: String,
    /// Who wants it, such as `ops:maria`.
    pub actor: String,
}

/// Credit what was paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// What was bought.
    pub item: Item,
    /// The payment, as the payment provider names it.
    pub purchase_id: String,
    /// The line of the payment, where one payment has several: each line is credited once.
    pub purchase_line: Option<String>,
    /// What was paid.
    pub amount_paid: Option<AmountPaid>,
    /// In which currency: three upper-case letters.
    pub currency: Option<String>,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A package of the configuration, by its id.
    Package(String),
    /// A package of the configuration, by the payment provider's price id.
    Price(String),
    /// Credits without a package.
    Credits {
        /// How many.
        credits: i64,
        /// Days until they lapse; absent: never.
        validity_days: Option<i64>,
    },
}

/// Take what is left of the batches that lapsed at or before the cutoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// Up to when.
    pub cutoff: DateTime<Utc>,
}

/// The name of a command: its `type` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `consume`
    Consume,
    /// `grant`
    Grant,
    /// `purchase`
    Purchase,
    /// `subscription`
    Subscription,
    /// `freeze`
    Freeze,
    /// `unfreeze`
    Unfreeze,
    /// `expire`
    Expire,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 7] = [
        Self::Consume,
        Self::Grant,
        Self::Purchase,
        Self::Subscription,
        Self::Freeze,
        Self::Unfreeze,
        Self::Expire,
    ];

    /// Whether only the worker itself sends it.
    pub fn is_internal(self) -> bool {
        self == Self::Expire
    }

    /// The name as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::Grant => "grant",
            Self::Purchase => "purchase",
            Self::Subscription => "subscription",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Expire => "expire",
        }
    }
}

/// The exchange a command comes through. References are unique per door, and the broker's permissions are per exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// Apps: spending.
    Usage,
    /// Payment bridges and back offices: whatever adds credits.
    Funding,
    /// The worker itself.
    Internal,
}

impl Door {
    /// Every door there is.
    pub const ALL: [Self; 3] = [Self::Usage, Self::Funding, Self::Internal];

    /// The exchange's name without the namespace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Funding => "funding",
            Self::Internal => "internal",
        }
    }

    /// The door of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.as_str() == name)
    }
}

impl Command {
    /// What kind of command it is.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Consume(_) => Kind::Consume,
            Body::Grant(_) => Kind::Grant,
            Body::Purchase(_) => Kind::Purchase,
            Body::Subscription(_) => Kind::Subscription,
            Body::Freeze(_) => Kind::Freeze,
            Body::Unfreeze(_) => Kind::Unfreeze,
            Body::Expire(_) => Kind::Expire,
        }
    }

    /// The door it must come through.
    pub fn door(&self) -> Door {
        match &self.body {
            Body::Consume(_) => Door::Usage,
            Body::Grant(Grant::Monthly { .. }) | Body::Expire(_) => Door::Internal,
            Body::Grant(_)
            | Body::Purchase(_)
            | Body::Subscription(_)
            | Body::Freeze(_)
            | Body::Unfreeze(_) => Door::Funding,
        }
    }

    /// Whether it came through the door it must come through.
    pub fn check_door(&self, came_through: Door) -> Result<(), Rejection> {
        let kind = self.kind();
        if self.door() == came_through {
            return Ok(());
        }
        let message = format!(
            "`type` is \"{}\" on the exchange for {}; allowed is that command only on the exchange for {}",
            kind.as_str(),
            came_through.as_str(),
            self.door().as_str()
        );
        Err(Rejection::of_field(
            RejectionCode::ForbiddenExchange,
            "type",
            message,
        ))
    }

    /// Read and check a body.
    pub fn from_json(body: &[u8]) -> Result<Self, Rejection> {
        let command = decode::command(body)?;
        command.check()?;
        Ok(command)
    }

    /// Write the body; what is absent is left out.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings and integers cannot fail to serialise; an empty body would be rejected as not JSON.
        serde_json::to_vec(&wire::Wire::from(self)).unwrap_or_default()
    }

    /// Whether every value is one that the worker will take.
    pub fn check(&self) -> Result<(), Rejection> {
        if let Some(field) = self.misplaced {
            let of = self.kind().as_str();
            let message = format!("`{field}` was set, but this `{of}` has no such field");
            return Err(Rejection::of_field(RejectionCode::UnknownField, field, message));
        }
        if self.door() == Door::Internal {
            limits::internal_reference(&self.reference_id)?;
            limits::known_id("userId", &self.user_id)?;
        } else {
            limits::id("referenceId", &self.reference_id)?;
            limits::id("userId", &self.user_id)?;
        }
        match &self.body {
            Body::Consume(consume) => consume.check()?,
            Body::Grant(grant) => grant.check()?,
            Body::Purchase(purchase) => purchase.check()?,
            Body::Subscription(subscription) => subscription.check()?,
            Body::Freeze(change) | Body::Unfreeze(change) => change.check()?,
            Body::Expire(expire) => limits::instant("cutoff", expire.cutoff)?,
        }
        self.occurred_at
            .map_or(Ok(()), |at| limits::instant("occurredAt", at))?;
        self.description.as_deref().map_or(Ok(()), limits::description)?;
        self.metadata.as_deref().map_or(Ok(()), limits::metadata)?;
        self.traceparent.as_deref().map_or(Ok(()), limits::traceparent)
    }
}

impl Consume {
    fn check(&self) -> Result<(), Rejection> {
        limits::id("service", &self.service)?;
        self.amount
            .map_or(Ok(()), |amount| limits::range("amount", amount, MAX_AMOUNT))?;
        self.quantity
            .map_or(Ok(()), |quantity| limits::range("quantity", quantity, MAX_AMOUNT))?;
        match (self.amount, self.quantity) {
            (Some(_), Some(quantity)) => Err(Rejection::invalid(
                "quantity",
                format!("{quantity} beside an `amount`"),
                "`amount` or `quantity`, not both",
            )),
            _ => Ok(()),
        }
    }
}

impl Grant {
    fn check(&self) -> Result<(), Rejection> {
        match self {
            Self::RegistrationBonus => Ok(()),
            Self::Promotion {
                amount,
                validity_days,
            } => {
                limits::range("amount", *amount, MAX_AMOUNT)?;
                check_validity(*validity_days)
            }
            Self::Monthly {
                subscription_id,
                period_start,
            } => {
                limits::internal_subscription(subscription_id)?;
                limits::instant("periodStart", *period_start)
            }
        }
    }
}

impl Subscription {
    fn check(&self) -> Result<(), Rejection> {
        limits::id("subscriptionId", &self.subscription_id)?;
        if self.subscription_id.starts_with(FREE) {
            return Err(Rejection::invalid(
                "subscriptionId",
                format!("\"{}\"", self.subscription_id),
                "an id that does not begin with \"free:\", which are the worker's own",
            ));
        }
        limits::id("plan", &self.plan)?;
        let instant = |field, at: Option<_>| at.map_or(Ok(()), |at| limits::instant(field, at));
        instant("anchor", self.anchor)?;
        instant("paidThrough", self.paid_through)
    }
}

impl AccountChange {
    fn check(&self) -> Result<(), Rejection> {
        limits::id("reason", &self.reason)?;
        limits::id("actor", &self.actor)
    }
}

impl Purchase {
    fn check(&self) -> Result<(), Rejection> {
        match &self.item {
            Item::Package(id) => limits::id("packageId", id)?,
            Item::Price(id) => limits::id("priceId", id)?,
            Item::Credits {
                credits,
                validity_days,
            } => {
                limits::range("credits", *credits, MAX_AMOUNT)?;
                check_validity(*validity_days)?;
            }
        }
        limits::id("purchaseId", &self.purchase_id)?;
        self.purchase_line
            .as_deref()
            .map_or(Ok(()), |line| limits::id("purchaseLine", line))?;
        self.currency.as_deref().map_or(Ok(()), limits::currency)
    }
}

fn check_validity(days: Option<i64>) -> Result<(), Rejection> {
    days.map_or(Ok(()), |days| {
        limits::range("validityDays", days, MAX_VALIDITY_DAYS)
    })
}

/// Equal when every field is; metadata by its text.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        let metadata = |command: &Self| command.metadata.as_ref().map(|raw| raw.get().to_owned());
        self.reference_id == other.reference_id
            && self.user_id == other.user_id
            && self.occurred_at == other.occurred_at
            && self.description == other.description
            && self.body == other.body
            && self.traceparent == other.traceparent
            && self.misplaced == other.misplaced
            && metadata(self) == metadata(other)
    }
}
