//! Commands: requests to change a wallet.

use chrono::{DateTime, Utc};
use scrip_types::{Item, Origin, SubscriptionStatus};
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::checks;
use super::holds::{Capture, Hold, Release, check_cost};
use super::limits::{MAX_AMOUNT, MAX_UNITS, MAX_VALIDITY_DAYS};
use super::money::AmountPaid;
use super::refund::Refund;
use super::rejection::{Rejection, RejectionCode};
use super::revoke::{Forgive, Reinstate, Revoke};

/// The prefix of the ids of subscriptions that the worker opens itself.
const FREE: &str = "free:";

/// A request to change one wallet.
///
/// Create it with a constructor ([`Command::consume`] and its siblings) or with
/// [`Command::from_json`].
#[derive(Debug, Clone)]
pub struct Command {
    /// The caller's idempotency key, 1 to 200 bytes. Commands with the same reference are the same
    /// change, which is applied once.
    pub reference_id: String,
    /// The user who owns the wallet, 1 to 200 bytes.
    pub user_id: String,
    /// When the change happened. `None` means that the producer sets the time of publishing.
    pub occurred_at: Option<DateTime<Utc>>,
    /// A text for people, at most 1,024 bytes. It is stored with the transaction.
    pub description: Option<String>,
    /// A JSON object for programs, at most 4 KiB. It is stored with the transaction.
    pub metadata: Option<Box<RawValue>>,
    /// The W3C trace context. It is sent as a header, not in the body.
    pub traceparent: Option<String>,
    /// The requested change.
    pub body: Body,
    /// The origin to send it through. `None` means the usual one.
    pub(super) through: Option<Origin>,
    /// The field of a setter that does not fit this command. [`Command::check`] reports it.
    pub(super) misplaced: Option<&'static str>,
}

/// The change that a command requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Spends credits.
    Consume(Consume),
    /// Reserves credits.
    Hold(Hold),
    /// Spends reserved credits.
    Capture(Capture),
    /// Returns reserved credits.
    Release(Release),
    /// Returns credits of a consumption.
    Refund(Refund),
    /// Adds free credits.
    Grant(Grant),
    /// Adds credits that were paid for.
    Purchase(Purchase),
    /// Reports a change of a subscription.
    Subscription(Subscription),
    /// Takes credits of a deposit back.
    Revoke(Revoke),
    /// Undoes a revocation.
    Reinstate(Reinstate),
    /// Writes off debt.
    Forgive(Forgive),
    /// Stops a wallet from spending.
    Freeze(AccountChange),
    /// Allows a wallet to spend again.
    Unfreeze(AccountChange),
    /// Removes expired credits. Only the worker sends it.
    Expire(Expire),
}

/// Spends credits on a service: `amount` credits, or the price of `quantity` units. Without both it
/// is the price of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consume {
    /// The name of the service in the worker's price list.
    pub service: String,
    /// Credits to spend, regardless of the service's price.
    pub amount: Option<i64>,
    /// Units of the service, which the worker prices. Excludes `amount`.
    pub quantity: Option<i64>,
}

/// Adds free credits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// The registration bonus, once per user. The worker's configuration sets amount and validity.
    RegistrationBonus,
    /// Free credits that an operator gives.
    Promotion {
        /// Credits to add.
        amount: i64,
        /// Days until the credits expire. `None` means never.
        validity_days: Option<i64>,
    },
    /// A plan's credits for one period. Only the worker sends it.
    Monthly {
        /// The subscription that the period belongs to.
        subscription_id: String,
        /// The start of the period.
        period_start: DateTime<Utc>,
    },
}

/// Reports a change of a subscription, as the payment provider reported it.
///
/// Events may arrive in any order. They count in the order of `occurredAt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The payment provider's id of the subscription.
    pub subscription_id: String,
    /// The name of the plan in the worker's configuration.
    pub plan: String,
    /// How many of the plan's credits a period brings, such as the number of seats: 1 to
    /// 1,000,000. `None` means one.
    pub quantity: Option<i64>,
    /// The new status.
    pub status: SubscriptionStatus,
    /// The instant from which its months are counted. `None` means the first event.
    pub anchor: Option<DateTime<Utc>>,
    /// The instant up to which it is paid. No period that starts at or after it is granted. `None`
    /// if it is not known.
    pub paid_through: Option<DateTime<Utc>>,
}

/// Stops a wallet from spending, or allows it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// The reason, for people.
    pub reason: String,
    /// The person or system that requested it, such as `ops:maria`.
    pub actor: String,
}

/// Adds credits that were paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The goods: a package or a number of credits.
    pub item: Item,
    /// How many of the package: 1 to 1,000,000. `None` means one.
    pub quantity: Option<i64>,
    /// The payment provider's id of the payment.
    pub purchase_id: String,
    /// The line of the payment, if it has several. Each line is credited once.
    pub purchase_line: Option<String>,
    /// The price that was paid.
    pub amount_paid: Option<AmountPaid>,
    /// The currency of the price: three upper-case letters.
    pub currency: Option<String>,
}

/// Removes the credits of batches that expired at or before the cutoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// The latest expiry to remove.
    pub cutoff: DateTime<Utc>,
}

/// The name of a command: its `type` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// `consume`
    Consume,
    /// `hold`
    Hold,
    /// `capture`
    Capture,
    /// `release`
    Release,
    /// `refund`
    Refund,
    /// `grant`
    Grant,
    /// `purchase`
    Purchase,
    /// `subscription`
    Subscription,
    /// `revoke`
    Revoke,
    /// `reinstate`
    Reinstate,
    /// `forgive`
    Forgive,
    /// `freeze`
    Freeze,
    /// `unfreeze`
    Unfreeze,
    /// `expire`
    Expire,
}

impl Kind {
    /// Whether only the worker sends it.
    pub fn is_internal(self) -> bool {
        self == Self::Expire
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Command {
    /// The kind of the command.
    pub fn kind(&self) -> Kind {
        match self.body {
            Body::Consume(_) => Kind::Consume,
            Body::Hold(_) => Kind::Hold,
            Body::Capture(_) => Kind::Capture,
            Body::Release(_) => Kind::Release,
            Body::Refund(_) => Kind::Refund,
            Body::Grant(_) => Kind::Grant,
            Body::Purchase(_) => Kind::Purchase,
            Body::Subscription(_) => Kind::Subscription,
            Body::Revoke(_) => Kind::Revoke,
            Body::Reinstate(_) => Kind::Reinstate,
            Body::Forgive(_) => Kind::Forgive,
            Body::Freeze(_) => Kind::Freeze,
            Body::Unfreeze(_) => Kind::Unfreeze,
            Body::Expire(_) => Kind::Expire,
        }
    }

    /// Checks that the worker accepts every value.
    pub fn check(&self) -> Result<(), Rejection> {
        if let Some(field) = self.misplaced {
            let of = self.kind().as_str();
            let message = format!("`{field}` was set, but this `{of}` has no such field");
            return Err(Rejection::of_field(
                RejectionCode::UnknownField,
                field,
                message,
            ));
        }
        self.check_origin(self.origin())?;
        if self.origin() == Origin::Internal {
            checks::internal_reference(&self.reference_id)?;
            checks::known_id("userId", &self.user_id)?;
        } else {
            checks::id("referenceId", &self.reference_id)?;
            checks::id("userId", &self.user_id)?;
        }
        match &self.body {
            Body::Consume(consume) => consume.check()?,
            Body::Hold(hold) => hold.check()?,
            Body::Capture(capture) => capture.check()?,
            Body::Release(release) => release.check()?,
            Body::Refund(refund) => refund.check()?,
            Body::Grant(grant) => grant.check()?,
            Body::Purchase(purchase) => purchase.check()?,
            Body::Subscription(subscription) => subscription.check()?,
            Body::Revoke(revoke) => revoke.check()?,
            Body::Reinstate(reinstate) => reinstate.check()?,
            Body::Forgive(forgive) => forgive.check()?,
            Body::Freeze(change) | Body::Unfreeze(change) => change.check()?,
            Body::Expire(expire) => checks::instant("cutoff", expire.cutoff)?,
        }
        self.occurred_at
            .map_or(Ok(()), |at| checks::instant("occurredAt", at))?;
        self.description
            .as_deref()
            .map_or(Ok(()), checks::description)?;
        self.metadata.as_deref().map_or(Ok(()), checks::metadata)?;
        self.traceparent
            .as_deref()
            .map_or(Ok(()), checks::traceparent)
    }
}

impl Consume {
    fn check(&self) -> Result<(), Rejection> {
        checks::id("service", &self.service)?;
        check_cost(self.amount, self.quantity)
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
                checks::range("amount", *amount, MAX_AMOUNT)?;
                check_validity(*validity_days)
            }
            Self::Monthly {
                subscription_id,
                period_start,
            } => {
                checks::internal_subscription(subscription_id)?;
                checks::instant("periodStart", *period_start)
            }
        }
    }
}

impl Subscription {
    fn check(&self) -> Result<(), Rejection> {
        checks::id("subscriptionId", &self.subscription_id)?;
        if self.subscription_id.starts_with(FREE) {
            return Err(Rejection::invalid(
                "subscriptionId",
                format!("\"{}\"", self.subscription_id),
                "an id that does not begin with \"free:\", which is reserved for the worker",
            ));
        }
        checks::id("plan", &self.plan)?;
        check_units(self.quantity)?;
        let instant = |field, at: Option<_>| at.map_or(Ok(()), |at| checks::instant(field, at));
        instant("anchor", self.anchor)?;
        instant("paidThrough", self.paid_through)
    }
}

impl AccountChange {
    fn check(&self) -> Result<(), Rejection> {
        checks::id("reason", &self.reason)?;
        checks::id("actor", &self.actor)
    }
}

impl Purchase {
    fn check(&self) -> Result<(), Rejection> {
        match &self.item {
            Item::Package(id) => checks::id("packageId", id)?,
            Item::Price(id) => checks::id("priceId", id)?,
            Item::Credits {
                credits,
                validity_days,
            } => {
                checks::range("credits", *credits, MAX_AMOUNT)?;
                check_validity(*validity_days)?;
                if self.quantity.is_some() {
                    return Err(Rejection::not_with("quantity", "credits"));
                }
            }
        }
        check_units(self.quantity)?;
        checks::id("purchaseId", &self.purchase_id)?;
        self.purchase_line
            .as_deref()
            .map_or(Ok(()), |line| checks::id("purchaseLine", line))?;
        self.currency.as_deref().map_or(Ok(()), checks::currency)
    }
}

fn check_validity(days: Option<i64>) -> Result<(), Rejection> {
    days.map_or(Ok(()), |days| {
        checks::range("validityDays", days, MAX_VALIDITY_DAYS)
    })
}

fn check_units(quantity: Option<i64>) -> Result<(), Rejection> {
    quantity.map_or(Ok(()), |units| checks::range("quantity", units, MAX_UNITS))
}

/// Two commands are equal if all fields are equal. Metadata is compared as text.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        let metadata = |command: &Self| command.metadata.as_ref().map(|raw| raw.get().to_owned());
        self.reference_id == other.reference_id
            && self.user_id == other.user_id
            && self.occurred_at == other.occurred_at
            && self.description == other.description
            && self.body == other.body
            && self.traceparent == other.traceparent
            && self.origin() == other.origin()
            && self.misplaced == other.misplaced
            && metadata(self) == metadata(other)
    }
}
