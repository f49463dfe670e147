//! A command as the core sees it: checked for shape and range by whoever decoded it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    fingerprint::{self, Fingerprint},
    subscription::SubscriptionStatus,
};

/// The door a command came through. References are unique for each origin, so that an app cannot occupy the
/// reference of a payment or of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Apps: what is used.
    Usage,
    /// Payment bridges and back offices: what is added.
    Funding,
    /// The worker's own jobs.
    Internal,
}

impl Origin {
    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Funding => "funding",
            Self::Internal => "internal",
        }
    }
}

/// A message that asks for a change of one wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The door it came through.
    pub origin: Origin,
    /// The caller's reference: 1 to 200 bytes; makes the command happen once.
    pub reference_id: String,
    /// The verified name of the account that sent it; absent if the transport verifies none. Not part of the fingerprint.
    pub sender: Option<String>,
    /// Whose wallet: 1 to 200 bytes.
    pub user_id: String,
    /// When it happened, if the caller said so.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When a worker first received it; when it is decided if absent.
    pub received_at: Option<DateTime<Utc>>,
    /// A text for people.
    pub description: Option<String>,
    /// A JSON object for programs, kept as it came.
    pub metadata: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Spend credits on a service.
    Consume {
        /// The service that was used.
        service: String,
        /// Credits to spend; excludes `quantity`.
        amount: Option<i64>,
        /// Units to charge by the service's price; 1 if absent.
        quantity: Option<i64>,
    },
    /// The credits that a new user gets, once.
    RegistrationBonus,
    /// Free credits.
    Promotion {
        /// Credits to add.
        amount: i64,
        /// Days until they expire; never if absent.
        validity_days: Option<i64>,
    },
    /// Credits that were paid for.
    Purchase {
        /// What was bought.
        item: Item,
        /// The payment; names the account the credits come from.
        purchase_id: String,
        /// The line of the payment, where it has several; each line is credited once.
        purchase_line: Option<String>,
        /// What was paid, in millionths of the currency's unit.
        paid_micros: Option<i64>,
        /// ISO 4217 code.
        currency: Option<String>,
    },
    /// A plan's credits for one period.
    MonthlyGrant {
        /// Whose period.
        subscription_id: String,
        /// Which one.
        period_start: DateTime<Utc>,
    },
    /// What the payment provider says of a subscription.
    Subscription {
        /// The payment provider's id.
        subscription_id: String,
        /// Name of the plan.
        plan: String,
        /// What it says.
        status: SubscriptionStatus,
        /// From where periods are counted; the event if absent.
        anchor: Option<DateTime<Utc>>,
        /// Up to where it is paid, if that is known.
        paid_through: Option<DateTime<Utc>>,
    },
    /// Stop the wallet from spending.
    Freeze {
        /// Why.
        reason: String,
        /// Who wants it.
        actor: String,
    },
    /// Let the wallet spend again.
    Unfreeze {
        /// Why.
        reason: String,
        /// Who wants it.
        actor: String,
    },
    /// Take away what lapsed until `cutoff`.
    Expire {
        /// Batches that expire at or before this instant are swept, as far as lateness allows.
        cutoff: DateTime<Utc>,
    },
}

/// What a purchase bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A package by its id in the configuration.
    Package(String),
    /// A package by the payment provider's price id.
    Price(String),
    /// An explicit number of credits.
    Credits {
        /// Credits bought.
        credits: i64,
        /// Days until they expire; never if absent.
        validity_days: Option<i64>,
    },
}

impl Command {
    /// When a worker first received the command, and not later than `now`.
    pub fn received(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.received_at.map_or(now, |at| at.min(now))
    }

    /// The instant by which the command is judged: `occurred_at` clamped into `[received − max_lateness, received]`.
    pub fn effective_at(&self, now: DateTime<Utc>, max_lateness: TimeDelta) -> DateTime<Utc> {
        let received = self.received(now);
        let earliest = received
            .checked_sub_signed(max_lateness)
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        self.occurred_at
            .map_or(received, |at| at.max(earliest).min(received))
    }

    /// The instant of an event of a subscription: `occurred_at`, however long ago, and not later than it was received.
    pub fn event_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let received = self.received(now);
        self.occurred_at.map_or(received, |at| at.min(received))
    }

    /// Whether the command creates the wallet of a user who has none.
    pub const fn opens_wallet(&self) -> bool {
        matches!(
            self.action,
            Action::RegistrationBonus
                | Action::Promotion { .. }
                | Action::Purchase { .. }
                | Action::Subscription { .. }
        )
    }

    /// Whether money was paid for it: what cannot be applied is kept rather than refused.
    pub const fn is_paid(&self) -> bool {
        matches!(self.action, Action::Purchase { .. } | Action::Subscription { .. })
    }

    /// The name of the command on the wire.
    pub const fn kind(&self) -> &'static str {
        match self.action {
            Action::Consume { .. } => "consume",
            Action::RegistrationBonus | Action::Promotion { .. } | Action::MonthlyGrant { .. } => "grant",
            Action::Purchase { .. } => "purchase",
            Action::Subscription { .. } => "subscription",
            Action::Freeze { .. } => "freeze",
            Action::Unfreeze { .. } => "unfreeze",
            Action::Expire { .. } => "expire",
        }
    }

    /// What the command asks for, condensed: two commands with the same fingerprint ask for the same movement.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint::of(self)
    }
}
