//! The parts of the configuration that the mapping of events uses.

use std::collections::BTreeMap;

use super::Provider;
use crate::config::{Payments, Settings};

/// The rules for mapping events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentRules {
    pub settings: Payments,
    /// Whether a trial brings credits.
    pub trial_grants: bool,
    /// The ids of packages, and whether each is sold per unit.
    packages: BTreeMap<String, bool>,
    /// The names of plans, and whether each is sold per unit.
    plans: BTreeMap<String, bool>,
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
            for price in package.rule.price_id.iter().chain(&package.rule.price_ids) {
                package_prices.insert(price.clone(), id.clone());
            }
        }
        let mut plan_prices = BTreeMap::new();
        for (name, prices) in &settings.plans.1 {
            for price in &prices.price_ids {
                plan_prices.insert(price.clone(), name.clone());
            }
        }
        let per_unit = |name: &str| settings.plans.1.get(name).is_some_and(|own| own.per_unit);
        let plans = settings.plans.0.keys();
        Self {
            settings: settings.payments.clone(),
            trial_grants: settings.subscriptions.trial_grants,
            packages: packages
                .iter()
                .map(|(id, package)| (id.clone(), package.per_unit))
                .collect(),
            plans: plans.map(|name| (name.clone(), per_unit(name))).collect(),
            package_prices,
            plan_prices,
        }
    }

    /// The package of an id, or of the first known price.
    pub fn package(&self, id: Option<&str>, prices: &[String]) -> Option<Sold<'_>> {
        let named = id.and_then(|id| sold(&self.packages, id));
        named.or_else(|| {
            let id = priced(&self.package_prices, prices)?;
            sold(&self.packages, id)
        })
    }

    /// The plan of the first known price, or else of a name: what is paid counts, and metadata
    /// stay when a subscription changes its price.
    pub fn plan(&self, name: Option<&str>, prices: &[String]) -> Option<Sold<'_>> {
        let name = priced(&self.plan_prices, prices).or(name);
        name.and_then(|name| sold(&self.plans, name))
    }

    /// Whether a dispute freezes the wallet.
    pub const fn freezes(&self, provider: Provider) -> bool {
        match provider {
            Provider::Stripe => self.settings.stripe.freeze_on_dispute,
            Provider::Creem => self.settings.creem.freeze_on_dispute,
        }
    }
}

/// What was sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sold<'a> {
    /// The id of the package, or the name of the plan.
    pub id: &'a str,
    /// Whether the quantity multiplies the credits.
    pub per_unit: bool,
}

fn sold<'a>(known: &'a BTreeMap<String, bool>, id: &str) -> Option<Sold<'a>> {
    let (id, per_unit) = known.get_key_value(id)?;
    let per_unit = *per_unit;
    Some(Sold { id, per_unit })
}

fn priced<'a>(by_price: &'a BTreeMap<String, String>, prices: &[String]) -> Option<&'a str> {
    let mut found = prices.iter().filter_map(|price| by_price.get(price));
    found.next().map(String::as_str)
}
