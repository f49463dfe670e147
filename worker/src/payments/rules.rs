//! The parts of the configuration that the mapping of events uses.

use std::collections::{BTreeMap, BTreeSet};

use super::Provider;
use crate::config::{Payments, Settings};

/// The rules for mapping events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentRules {
    pub settings: Payments,
    /// Whether a trial brings credits.
    pub trial_grants: bool,
    packages: BTreeSet<String>,
    plans: BTreeSet<String>,
    /// Packages by price id.
    package_prices: BTreeMap<String, String>,
    /// Plans by price id.
    plan_prices: BTreeMap<String, String>,
}

impl PaymentRules {
    /// The rules of a configuration.
    pub fn new(settings: &Settings) -> Self {
        let packages = &settings.packages.0;
        let mut package_prices = BTreeMap::new();
        for (id, package) in packages {
            for price in package.rule.price_id.iter().chain(&package.price_ids) {
                package_prices.insert(price.clone(), id.clone());
            }
        }
        let mut plan_prices = BTreeMap::new();
        for (name, prices) in &settings.plans.1 {
            for price in prices {
                plan_prices.insert(price.clone(), name.clone());
            }
        }
        Self {
            settings: settings.payments.clone(),
            trial_grants: settings.subscriptions.trial_grants,
            packages: packages.keys().cloned().collect(),
            plans: settings.plans.0.keys().cloned().collect(),
            package_prices,
            plan_prices,
        }
    }

    /// The package of an id, or of the first known price.
    pub fn package(&self, id: Option<&str>, prices: &[String]) -> Option<&str> {
        let named = id.and_then(|id| self.packages.get(id).map(String::as_str));
        named.or_else(|| priced(&self.package_prices, prices))
    }

    /// The plan of the first known price, or else of a name: what is paid counts, and metadata
    /// stay when a subscription changes its price.
    pub fn plan(&self, name: Option<&str>, prices: &[String]) -> Option<&str> {
        let named = || name.and_then(|name| self.plans.get(name).map(String::as_str));
        priced(&self.plan_prices, prices).or_else(named)
    }

    /// Whether a dispute freezes the wallet.
    pub const fn freezes(&self, provider: Provider) -> bool {
        match provider {
            Provider::Stripe => self.settings.stripe.freeze_on_dispute,
            Provider::Creem => self.settings.creem.freeze_on_dispute,
        }
    }
}

fn priced<'a>(by_price: &'a BTreeMap<String, String>, prices: &[String]) -> Option<&'a str> {
    let mut found = prices.iter().filter_map(|price| by_price.get(price));
    found.next().map(String::as_str)
}
