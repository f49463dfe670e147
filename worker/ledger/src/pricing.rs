//! What a consumption costs.

use crate::{
    amount::Price,
    command::Action,
    refusal::Refusal,
    rules::{DefaultPrice, Rules},
};

impl Rules {
    /// The price of a service, or the default price. `None` if the service has no price and the
    /// default is [`DefaultPrice::Reject`].
    pub fn price(&self, service: &str) -> Option<Price> {
        self.prices
            .get(service)
            .copied()
            .or(match self.default_price {
                DefaultPrice::Price(price) => Some(price),
                DefaultPrice::Reject => None,
            })
    }

    /// Whether a command is charged at the default price because its service has no price.
    pub fn uses_default_price(&self, action: &Action) -> bool {
        let Action::Consume {
            service,
            amount: None,
            ..
        } = action
        else {
            return false;
        };
        matches!(self.default_price, DefaultPrice::Price(_)) && !self.prices.contains_key(service)
    }

    /// The maximum number of credits that a command may take from spendable batches.
    pub fn demand(&self, action: &Action) -> i64 {
        match action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => cost(service, *amount, *quantity, self).unwrap_or(0),
            _ => 0,
        }
    }
}

/// The cost of a consumption: the amount in the command, else the service's price times the
/// quantity.
pub(crate) fn cost(
    service: &str,
    amount: Option<i64>,
    quantity: Option<i64>,
    rules: &Rules,
) -> Result<i64, Refusal> {
    if let Some(amount) = amount {
        return Ok(amount);
    }
    let price = rules.price(service).ok_or(Refusal::UnknownService)?;
    price
        .total(quantity.unwrap_or(1))
        .ok_or(Refusal::InvalidAmount)
}
