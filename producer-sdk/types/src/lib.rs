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

/// The deposit that a revocation takes credits back from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeTarget {
    /// A deposit, by its reference.
    Reference(String),
    /// The deposit of a payment.
    Payment {
        /// The payment provider's id of the payment.
        purchase_id: String,
        /// The line of the payment. `None` if the payment has one line.
        purchase_line: Option<String>,
    },
}

/// How much of a deposit a revocation takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeExtent {
    /// All that is left.
    All,
    /// A number of credits.
    Amount(i64),
    /// A share of the deposit, in millionths.
    Share(i64),
    /// The share of the price that was refunded so far. It is given in millionths of the
    /// currency's unit.
    AmountRefunded(i64),
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

/// What a capture does with the credits that it costs beyond the hold.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Overrun {
    /// `spend`: takes them from available credits, all or nothing.
    #[default]
    Spend,
    /// `cap`: takes as many as are available, and reports the rest as `uncaptured`.
    Cap,
    /// `reject`: refuses the capture and leaves the hold unchanged.
    Reject,
}

impl Overrun {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a capture does after the hold has expired.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Late {
    /// `consume`: charges available credits, like a consumption.
    #[default]
    Consume,
    /// `reject`: refuses the capture.
    Reject,
}

impl Late {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
