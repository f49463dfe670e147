//! Actions: the changes that commands request.

use chrono::{DateTime, Utc};

use scrip_types::Item;

use crate::status::SubscriptionStatus;

/// The change that a command requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Spend credits on a service.
    Consume(Consume),
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

/// The fields of [`Action::Expire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expire {
    /// Batches that expire at or before this instant are removed. `max_lateness` postpones the
    /// removal.
    pub cutoff: DateTime<Utc>,
}
