//! Commands. The decoder has already checked their shape and the range of their values.

use chrono::{DateTime, TimeDelta, Utc};

pub use scrip_types::{Item, Origin};

use crate::action::Action;

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
                | Action::Promotion(_)
                | Action::Purchase(_)
                | Action::Subscription(_)
        )
    }

    /// Whether money was paid for it. Such a command is never refused for good: if it cannot be
    /// applied, it is kept as a dead letter.
    pub const fn is_paid(&self) -> bool {
        matches!(self.action, Action::Purchase(_) | Action::Subscription(_))
    }

    /// The name of the command on the wire.
    pub const fn kind(&self) -> &'static str {
        match self.action {
            Action::Consume(_) => "consume",
            Action::Refund(_) => "refund",
            Action::Hold(_) => "hold",
            Action::Capture(_) => "capture",
            Action::Release(_) => "release",
            Action::RegistrationBonus | Action::Promotion(_) | Action::MonthlyGrant(_) => "grant",
            Action::Purchase(_) => "purchase",
            Action::Subscription(_) => "subscription",
            Action::Freeze(_) => "freeze",
            Action::Unfreeze(_) => "unfreeze",
            Action::Revoke(_) => "revoke",
            Action::Reinstate(_) => "reinstate",
            Action::Forgive(_) => "forgive",
            Action::Expire(_) => "expire",
        }
    }
}
