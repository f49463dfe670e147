//! The status of a subscription.

use crate::rules::Rules;

/// The status of a subscription, as the payment provider reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// It runs and is paid.
    Active,
    /// It runs as a trial, unpaid.
    Trialing,
    /// A payment is overdue.
    PastDue,
    /// It is interrupted.
    Paused,
    /// It was canceled and has ended.
    Canceled,
    /// It reached its end.
    Expired,
}

impl SubscriptionStatus {
    /// All statuses.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Trialing,
        Self::PastDue,
        Self::Paused,
        Self::Canceled,
        Self::Expired,
    ];

    /// The name on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Trialing => "TRIALING",
            Self::PastDue => "PAST_DUE",
            Self::Paused => "PAUSED",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The status with this name in the database.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The status with this name on the wire.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether this status alone means that the subscription runs.
    pub(crate) const fn runs(self, rules: &Rules) -> bool {
        match self {
            Self::Active => true,
            Self::Trialing => rules.trial_grants,
            Self::PastDue | Self::Paused | Self::Canceled | Self::Expired => false,
        }
    }

    /// Whether periods that start later are not granted.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Paused | Self::Canceled | Self::Expired)
    }
}
