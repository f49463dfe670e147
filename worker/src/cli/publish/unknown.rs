//! Warnings for names that are not in this configuration. Such a name is often misspelt, and the
//! worker would refuse it.

use std::fmt::Display;

use ledger::DefaultPrice;
use producer_sdk::{
    Command,
    contract::{Body, Item},
};

use crate::cli::{context::Context, print};

/// The number of known names that a warning lists.
const MAX_LISTED: usize = 20;

/// Warns of a package, plan or service that is not in this configuration. The configuration of the
/// worker decides.
pub fn warn(context: &Context, command: &Command) {
    let rules = context.settings.rules();
    match &command.body {
        Body::Purchase(purchase) => match &purchase.item {
            Item::Package(id) if !rules.packages.contains_key(id) => {
                print_warning("package", id, rules.packages.keys());
            }
            Item::Price(id) if !rules.packages.values().any(|package| package.has_price(id)) => {
                let packages = rules.packages.values();
                let known = packages.flat_map(|one| one.price_id.iter().chain(&one.price_ids));
                print_warning("price id", id, known);
            }
            _ => {}
        },
        Body::Subscription(subscription) if !rules.plans.contains_key(&subscription.plan) => {
            print_warning("plan", &subscription.plan, rules.plans.keys());
        }
        Body::Hold(hold)
            if hold.amount.is_none()
                && matches!(rules.default_price, DefaultPrice::Reject)
                && !rules.prices.contains_key(&hold.service) =>
        {
            print_warning("service", &hold.service, rules.prices.keys());
        }
        Body::Consume(consume)
            if consume.amount.is_none()
                && matches!(rules.default_price, DefaultPrice::Reject)
                && !rules.prices.contains_key(&consume.service) =>
        {
            print_warning("service", &consume.service, rules.prices.keys());
        }
        _ => {}
    }
}

fn print_warning<T: Display>(kind: &str, found: &str, known: impl Iterator<Item = T>) {
    let mut known: Vec<String> = known.map(|name| name.to_string()).collect();
    known.sort();
    let more = known.len().saturating_sub(MAX_LISTED);
    known.truncate(MAX_LISTED);
    let list = match (known.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => known.join(", "),
        (false, more) => format!("{} and {more} more", known.join(", ")),
    };
    print::warning(&print::escape(&format!(
        "this configuration has no {kind} `{found}` (known: {list}); the configuration of the \
         worker decides"
    )));
}
