//! The words that the wire contract of Scrip and its ledger rules share. No I/O.
//!
//! Each name is defined once, by the derives of `strum`. `as_str` gives the name, `parse` of a text
//! reads it, and `VARIANTS` of [`strum::VariantArray`] lists all values.
#![deny(missing_docs)]

use strum::{EnumString, IntoStaticStr, VariantArray};

/// The exchange through which a command is sent.
///
/// References are unique per origin, so an app cannot block the reference of a payment or of a job.
/// The broker's permissions are per exchange.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Origin {
    /// Commands of apps: consumption.
    Usage,
    /// Commands of payment bridges and back offices: purchases, grants, subscriptions and freezes.
    Funding,
    /// Commands of the worker itself.
    Internal,
}

impl Origin {
    /// The name of the exchange without the namespace, and the name in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The status of a subscription, as the payment provider reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum SubscriptionStatus {
    /// `active`: it runs and is paid.
    Active,
    /// `trialing`: it runs as a trial, unpaid.
    Trialing,
    /// `past_due`: a payment is overdue.
    PastDue,
    /// `paused`: it is interrupted.
    Paused,
    /// `canceled`: it was canceled and has ended.
    Canceled,
    /// `expired`: it reached its end.
    Expired,
}

impl SubscriptionStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The goods of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A package, by its id in the worker's configuration.
    Package(String),
    /// A package, by the payment provider's price id.
    Price(String),
    /// A number of credits without a package.
    Credits {
        /// The number of credits.
        credits: i64,
        /// Days until the credits expire. `None` means never.
        validity_days: Option<i64>,
    },
}

/// Whether a command was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Status {
    /// The command was applied.
    Completed,
    /// The command was refused.
    Failed,
}
