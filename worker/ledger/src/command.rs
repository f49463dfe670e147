//! Commands. The decoder has already checked their shape and the range of their values.

use chrono::{DateTime, TimeDelta, Utc};

pub use scrip_types::{Item, Origin, SubscriptionStatus};

/// A request to change one wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The exchange through which it arrived.
    pub origin: Origin,
    /// The caller's idempotency key, 1 to 200 bytes. A command takes effect once per reference.
    pub reference_id: String,
    /// The account that sent it, as the broker verified it. `None` if the message names no account.
    /// It is not part of the fingerprint.
    pub sender: Option<String>,
    /// The owner of the wallet, 1 to 200 bytes.
    pub user_id: String,
    /// When the change happened, according to the caller. `None` if the caller gave no time.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When a worker first received it. `None` means the time of the decision.
    pub received_at: Option<DateTime<Utc>>,
    /// A text for people.
    pub description: Option<String>,
    /// A JSON object for programs, stored unchanged.
    pub metadata: Option<String>,
    /// The requested change.
    pub action: Action,
}

/// The change that a command requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Spend credits on a service.
    Consume {
        /// The service that was used.
        service: String,
        /// Credits to spend, regardless of the service's price. Excludes `quantity`.
        amount: Option<i64>,
        /// Units to charge at the service's price. `None` means 1.
        quantity: Option<i64>,
    },
    /// The credits that a new user gets once.
    RegistrationBonus,
    /// Free credits.
    Promotion {
        /// Credits to add.
        amount: i64,
        /// Days until the credits expire. `None` means never.
        validity_days: Option<i64>,
    },
    /// Credits that were paid for.
    Purchase {
        /// The goods: a package or a number of credits.
        item: Item,
        /// The payment provider's id of the payment. It names the account that the credits come
        /// from.
        purchase_id: String,
        /// The line of the payment, if it has several. Each line is credited once.
        purchase_line: Option<String>,
        /// The price that was paid, in millionths of the currency's unit.
        paid_micros: Option<i64>,
        /// ISO 4217 code.
        currency: Option<String>,
    },
    /// A plan's credits for one period.
    MonthlyGrant {
        /// The subscription that the period belongs to.
        subscription_id: String,
        /// The start of the period.
        period_start: DateTime<Utc>,
    },
    /// A change of a subscription, as the payment provider reported it.
    Subscription {
        /// The payment provider's id of the subscription.
        subscription_id: String,
        /// Name of the plan.
        plan: String,
        /// The reported status.
        status: SubscriptionStatus,
        /// The instant from which periods are counted. `None` means the instant of the event.
        anchor: Option<DateTime<Utc>>,
        /// The instant up to which the subscription is paid. `None` if the provider did not report
        /// it.
        paid_through: Option<DateTime<Utc>>,
    },
    /// Stops the wallet from spending.
    Freeze {
        /// The reason, for people.
        reason: String,
        /// The person or system that requested it.
        actor: String,
    },
    /// Allows the wallet to spend again.
    Unfreeze {
        /// The reason, for people.
        reason: String,
        /// The person or system that requested it.
        actor: String,
    },
    /// Removes the credits of expired batches.
    Expire {
        /// Batches that expire at or before this instant are removed. `max_lateness` postpones the
        /// removal.
        cutoff: DateTime<Utc>,
    },
}

impl Command {
    /// The instant at which a worker first received the command, at most `now`.
    pub fn received(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.received_at.map_or(now, |at| at.min(now))
    }

    /// The effective time of the command: `occurred_at`, clamped into
    /// `[received − max_lateness, received]`. Without `occurred_at` it is the time of receipt.
    pub fn effective_at(&self, now: DateTime<Utc>, max_lateness: TimeDelta) -> DateTime<Utc> {
        let received = self.received(now);
        let earliest = received
            .checked_sub_signed(max_lateness)
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        self.occurred_at
            .map_or(received, |at| at.max(earliest).min(received))
    }

    /// The instant of a subscription event: `occurred_at`, however old, but at most the time of
    /// receipt.
    pub fn event_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let received = self.received(now);
        self.occurred_at.map_or(received, |at| at.min(received))
    }

    /// Whether the command creates a wallet for a user who has none.
    pub const fn opens_wallet(&self) -> bool {
        matches!(
            self.action,
            Action::RegistrationBonus
                | Action::Promotion { .. }
                | Action::Purchase { .. }
                | Action::Subscription { .. }
        )
    }

    /// Whether money was paid for it. Such a command is never refused for good: if it cannot be
    /// applied, it is kept as a dead letter.
    pub const fn is_paid(&self) -> bool {
        matches!(
            self.action,
            Action::Purchase { .. } | Action::Subscription { .. }
        )
    }

    /// The name of the command on the wire.
    pub const fn kind(&self) -> &'static str {
        match self.action {
            Action::Consume { .. } => "consume",
            Action::RegistrationBonus | Action::Promotion { .. } | Action::MonthlyGrant { .. } => {
                "grant"
            }
            Action::Purchase { .. } => "purchase",
            Action::Subscription { .. } => "subscription",
            Action::Freeze { .. } => "freeze",
            Action::Unfreeze { .. } => "unfreeze",
            Action::Expire { .. } => "expire",
        }
    }
}
