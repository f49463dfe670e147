//! What is known about objects of a provider, and what becomes of an event.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use producer_sdk::Command;

use super::LinkKey;

/// What is known about an object of the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub user: Option<String>,
    /// The reference of the purchase that a refund revokes.
    pub deposit: Option<String>,
    /// What was paid, in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// The invoice that the payment paid.
    pub invoice: Option<String>,
    /// The period of a subscription that was paid.
    pub period: Option<Period>,
    /// The references of the grants of `period` that the ledger has. Read, never stored.
    pub grants: Vec<String>,
}

/// A period of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub subscription: String,
    pub start: DateTime<Utc>,
    /// The first instant after the period.
    pub end: DateTime<Utc>,
}

/// The known links by name.
pub type Links = BTreeMap<LinkKey, Link>;

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// These commands are published in this order; then the links are known.
    Commands {
        user: Option<String>,
        commands: Vec<Command>,
        links: Links,
        /// What an operator should see, although the event is applied.
        detail: Option<String>,
    },
    /// It brings nothing, for this reason.
    Ignored(&'static str),
    /// It cannot be mapped now.
    Unmapped(Unmapped),
}

impl Mapped {
    /// Commands of a user, and links that belong to them.
    pub fn known(user: &str, keys: &[LinkKey], commands: Vec<Command>) -> Self {
        let link = Link {
            user: Some(user.to_owned()),
            ..Link::default()
        };
        let keys = keys.iter();
        Self::Commands {
            user: Some(user.to_owned()),
            commands,
            links: keys.map(|key| (key.clone(), link.clone())).collect(),
            detail: None,
        }
    }
}

/// Why an event cannot be mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmapped {
    /// A name for programs.
    pub reason: &'static str,
    /// What was found.
    pub detail: Option<String>,
    /// The links that are missing. One of them may be enough.
    pub waits_for: Vec<LinkKey>,
}

impl Unmapped {
    /// A reason without a missing link.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: Some(detail.into()),
            waits_for: Vec::new(),
        }
    }
}

/// The reason of a refund whose grant is not in the ledger yet.
pub const GRANT_PENDING: &str = "grant_pending";
