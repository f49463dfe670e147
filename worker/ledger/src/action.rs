//! Actions: the changes that commands request.

use chrono::{DateTime, Utc};

use scrip_types::{Item, Late, Overrun, RevokeExtent, RevokeTarget};

use crate::status::SubscriptionStatus;

/// The change that a command requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Spend credits on a service.
    Consume(Consume),
    /// Return credits of a consumption or capture.
    Refund(Refund),
    /// Reserve credits for a service.
    Hold(Hold),
    /// Spend credits that a hold reserves.
    Capture(Capture),
    /// Return the credits that a hold reserves.
    Release(Release),
    /// The credits that a new user gets once.
    RegistrationBonus,
    /// Free credits.
    Promotion(Promotion),
    /// Credits that were paid for.
    Purchase(Purchase),
    /// A plan's credits for one period.
    MonthlyGrant(MonthlyGrant),
    /// A change of a subscription, as the payment provider reported it.
    Subscription(SubscriptionUpdate),
    /// Stops the wallet from spending.
    Freeze(StatusChange),
    /// Allows the wallet to spend again.
    Unfreeze(StatusChange),
    /// Take credits of a deposit back.
    Revoke(Revoke),
    /// Undo a revocation.
    Reinstate(Reinstate),
    /// Write off debt.
    Forgive(Forgive),
    /// Removes the credits of expired batches.
    Expire(Expire),
}

/// The fields of [`Action::Consume`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consume {
    /// The service that was used.
    pub service: String,
    /// Credits to spend, regardless of the service's price. Excludes `quantity`.
    pub amount: Option<i64>,
    /// Units to charge at the service's price. `None` means 1.
    pub quantity: Option<i64>,
}

/// The fields of [`Action::Refund`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The reference of the consumption or capture.
    pub of: String,
    /// Credits to return. `None` means all that are left.
    pub amount: Option<i64>,
}

/// The fields of [`Action::Hold`]. Without an expiry the hold expires after
/// [`DEFAULT_HOLD`](crate::DEFAULT_HOLD).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The service that will be used.
    pub service: String,
    /// Credits to reserve, regardless of the service's price. Excludes `quantity`.
    pub amount: Option<i64>,
    /// Units to reserve at the service's price. `None` means 1.
    pub quantity: Option<i64>,
    /// The first instant at which nothing is reserved any more. Excludes `expires_in_seconds`.
    pub expires_at: Option<DateTime<Utc>>,
    /// The same, counted from the effective time of the command.
    pub expires_in_seconds: Option<i64>,
}

/// The fields of [`Action::Capture`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The reference of the hold.
    pub hold: String,
    /// Credits to spend. Excludes `quantity`. Without both, all that is held is spent.
    pub amount: Option<i64>,
    /// Units to charge at the price that was in force when the hold was made.
    pub quantity: Option<i64>,
    /// Whether the rest is returned. `None` means yes.
    pub is_final: Option<bool>,
    /// What to do with the cost beyond the hold.
    pub overrun: Option<Overrun>,
    /// What to do after the hold has expired.
    pub late: Option<Late>,
}

/// The fields of [`Action::Release`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The reference of the hold.
    pub hold: String,
}

/// The fields of [`Action::Promotion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Credits to add.
    pub amount: i64,
    /// Days until the credits expire. `None` means never.
    pub validity_days: Option<i64>,
}

/// The fields of [`Action::Purchase`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The goods: a package or a number of credits.
    pub item: Item,
    /// How many of the package. `None` means one.
    pub quantity: Option<i64>,
    /// The payment provider's id of the payment. It names the account that the credits come from.
    pub purchase_id: String,
    /// The line of the payment, if it has several. Each line is credited once.
    pub purchase_line: Option<String>,
    /// The price that was paid, in millionths of the currency's unit.
    pub paid_micros: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
}

/// The fields of [`Action::MonthlyGrant`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthlyGrant {
    /// The subscription that the period belongs to.
    pub subscription_id: String,
    /// The start of the period.
    pub period_start: DateTime<Utc>,
}

/// The fields of [`Action::Subscription`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionUpdate {
    /// The payment provider's id of the subscription.
    pub subscription_id: String,
    /// Name of the plan.
    pub plan: String,
    /// How many of the plan's credits a period brings. `None` means one.
    pub quantity: Option<i64>,
    /// The reported status.
    pub status: SubscriptionStatus,
    /// The instant from which periods are counted. `None` means the instant of the event.
    pub anchor: Option<DateTime<Utc>>,
    /// The instant up to which the subscription is paid. `None` if the provider did not report it.
    pub paid_through: Option<DateTime<Utc>>,
}

/// The fields of [`Action::Freeze`] and [`Action::Unfreeze`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The reason, for people.
    pub reason: String,
    /// The person or system that requested it.
    pub actor: String,
}

/// The fields of [`Action::Revoke`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoke {
    /// The deposit whose credits are taken back.
    pub target: RevokeTarget,
    /// How much of it.
    pub extent: RevokeExtent,
}

/// The fields of [`Action::Reinstate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reinstate {
    /// The reference of the revocation.
    pub of: String,
}

/// The fields of [`Action::Forgive`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgive {
    /// Credits to write off. `None` means the whole debt.
    pub amount: Option<i64>,
    /// The reason, for people.
    pub reason: String,
    /// The person or system that requested it.
    pub actor: String,
}

/// The fields of [`Action::Expire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expire {
    /// Batches that expire at or before this instant are removed. `max_lateness` postpones the
    /// removal.
    pub cutoff: DateTime<Utc>,
}
