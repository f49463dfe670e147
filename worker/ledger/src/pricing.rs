//! What a consumption costs.

use crate::{
    action::{Action, Consume},
    amount::Price,
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

    /// Whether a consumption is charged at the default price because its service has no price.
    pub(crate) fn uses_default_price(&self, consume: &Consume) -> bool {
        consume.amount.is_none()
            && matches!(self.default_price, DefaultPrice::Price(_))
            && !self.prices.contains_key(&consume.service)
    }

    /// The maximum number of credits that a command may take from spendable batches.
    pub fn demand(&self, action: &Action) -> i64 {
        match action {
            Action::Consume(consume) => cost(consume, self).unwrap_or(0),
            _ => 0,
        }
    }
}

/// The cost of a consumption: the amount in the command, else the service's price times the
/// quantity.
pub(crate) fn cost(consume: &Consume, rules: &Rules) -> Result<i64, Refusal> {
    if let Some(amount) = consume.amount {
        return Ok(amount);
    }
    let price = rules
        .price(&consume.service)
        .ok_or(Refusal::UnknownService)?;
    price
        .total(consume.quantity.unwrap_or(1))
        .ok_or(Refusal::InvalidAmount)
}
