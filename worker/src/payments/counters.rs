//! Events by what became of them, for metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::Provider;

/// The kinds of events that have a label of their own.
const KINDS: [&str; 9] = [
    "charge",
    "charge.dispute",
    "checkout",
    "customer",
    "dispute",
    "invoice",
    "invoice_payment",
    "refund",
    "subscription",
];
const OTHER: &str = "other";

/// The counters of events. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct PaymentCounters(Arc<Mutex<BTreeMap<Labels, u64>>>);

/// Provider, kind and status.
type Labels = (&'static str, &'static str, &'static str);

impl PaymentCounters {
    /// Counts an event. Of its kind only the beginning is a label, and only if it is
    /// known, so that no event adds a label.
    pub fn count(&self, provider: Provider, kind: &str, status: &'static str) {
        let group = kind.split('.').next().unwrap_or_default();
        let group = if kind.starts_with("charge.dispute.") {
            "charge.dispute"
        } else {
            group
        };
        let known = KINDS.iter().find(|known| **known == group);
        let kind = known.copied().unwrap_or(OTHER);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((provider.as_str(), kind, status)).or_default() += 1;
    }

    /// The number of events by provider, kind and status.
    pub fn all(&self) -> Vec<(Labels, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|(labels, count)| (*labels, *count))
            .collect()
    }
}
