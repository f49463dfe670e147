//! The product catalog: the ledger rules, prices and packages from which queries are answered.

use std::sync::Arc;

use ledger::{Price, Rules};
use producer_sdk::contract::{PackageItem, PriceResult, Pricing};

/// The product catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The ledger rules, which include the price list.
    pub rules: Arc<Rules>,
    /// Packages in ascending order of size.
    pub packages: Vec<PackageForSale>,
    /// Whether users without a paid plan may buy packages.
    pub free_users_may_buy: bool,
}

/// A package of the catalog.
#[derive(Clone, Debug)]
pub struct PackageForSale {
    /// The fields that queries return.
    pub item: PackageItem,
    /// More price ids of the payment provider.
    pub price_ids: Vec<String>,
    /// Whether the package is for sale.
    pub enabled: bool,
}

impl PackageForSale {
    fn has_price(&self, id: &str) -> bool {
        self.item.price_id.as_deref() == Some(id) || self.price_ids.iter().any(|known| known == id)
    }
}

impl Catalog {
    /// The packages that are for sale.
    pub fn for_sale(&self) -> Vec<PackageItem> {
        let packages = self.packages.iter().filter(|package| package.enabled);
        packages.map(|package| package.item.clone()).collect()
    }

    /// Finds a package by its id or by the payment provider's price id.
    pub fn package(
        &self,
        package_id: Option<&str>,
        price_id: Option<&str>,
    ) -> Option<&PackageForSale> {
        self.packages.iter().find(|package| {
            let by_id = package_id.is_some_and(|id| id == package.item.id);
            by_id || price_id.is_some_and(|id| package.has_price(id))
        })
    }

    /// The price of `quantity` units of a service. The error is the refusal of the ledger: the
    /// service has no price, or the amount is out of range.
    pub fn price(&self, service: &str, quantity: i64) -> Result<PriceResult, ledger::Refusal> {
        let price: Price = self
            .rules
            .price(service)
            .ok_or(ledger::Refusal::UnknownService)?;
        let credits = price
            .total(quantity)
            .ok_or(ledger::Refusal::InvalidAmount)?;
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
