//! What is for sale, and on which conditions: the part of the configuration that queries are answered from.

use std::sync::Arc;

use ledger::{Price, Rules};
use producer_sdk::contract::{PackageItem, PriceResult, Pricing};

/// What is for sale, and on which conditions.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The rules of the ledger.
    pub rules: Arc<Rules>,
    /// Packages in the order of their size.
    pub packages: Vec<PackageForSale>,
    /// Whether users without a paid plan may buy packages.
    pub free_users_may_buy: bool,
}

/// A package as it is shown.
#[derive(Clone, Debug)]
pub struct PackageForSale {
    /// What is shown of it.
    pub item: PackageItem,
    /// Whether it is for sale.
    pub enabled: bool,
}

impl Catalog {
    /// The packages that are for sale.
    pub fn for_sale(&self) -> Vec<PackageItem> {
        let packages = self.packages.iter().filter(|package| package.enabled);
        packages.map(|package| package.item.clone()).collect()
    }

    /// A package by its id, or by the payment provider's price id.
    pub fn package(&self, package_id: Option<&str>, price_id: Option<&str>) -> Option<&PackageForSale> {
        self.packages.iter().find(|package| {
            let by_id = package_id.is_some_and(|id| id == package.item.id);
            by_id || price_id.is_some_and(|id| Some(id) == package.item.price_id.as_deref())
        })
    }

    /// What so many units of a service cost; the refusal's code if nobody can say.
    pub fn price(&self, service: &str, quantity: i64) -> Result<PriceResult, ledger::Refusal> {
        let price: Price = self.rules.price(service).ok_or(ledger::Refusal::UnknownService)?;
        let credits = price.of(quantity).ok_or(ledger::Refusal::InvalidAmount)?;
        Ok(PriceResult {
            service: service.to_owned(),
            quantity,
            credits,
            pricing: Pricing {
                credits: price.credits,
                per: price.per,
            },
            is_default: !self.rules.prices.contains_key(service),
        })
    }
}
