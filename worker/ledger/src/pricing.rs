//! What the use of a service costs.

use crate::{
    action::{Action, Capture, Consume, Hold},
    amount::Price,
    command::Command,
    hold_record::HoldRecord,
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
    pub(crate) fn uses_default_price(&self, service: &str, amount: Option<i64>) -> bool {
        amount.is_none()
            && matches!(self.default_price, DefaultPrice::Price(_))
            && !self.prices.contains_key(service)
    }

    /// The maximum number of credits that a command may take from spendable batches.
    ///
    /// `holds` are the known holds of its user, and `group` are the commands that are decided with
    /// it: a capture costs what its hold says.
    pub fn demand<'a>(
        &self,
        command: &Command,
        holds: impl Iterator<Item = &'a HoldRecord>,
        group: &[Command],
    ) -> i64 {
        match &command.action {
            Action::Consume(Consume {
                service,
                amount,
                quantity,
            })
            | Action::Hold(Hold {
                service,
                amount,
                quantity,
                ..
            }) => cost(service, *amount, *quantity, self).unwrap_or(0),
            Action::Capture(Capture {
                amount: Some(amount),
                ..
            }) => *amount,
            Action::Capture(capture) => {
                let known = holds.filter(|hold| hold.reference_id == capture.hold);
                let known = known.map(|hold| match (capture.quantity, hold.price) {
                    (Some(quantity), Some(price)) => price.total(quantity).unwrap_or(0),
                    (Some(_), None) => 0,
                    (None, _) => hold.rest(),
                });
                known
                    .max()
                    .unwrap_or_else(|| self.demand_in_group(command, capture, group))
            }
            // It takes from batches that other commands of the group may count on, so all of them
            // are needed.
            Action::Revoke(_) => i64::MAX,
            _ => 0,
        }
    }

    /// The maximum cost of a capture whose hold is made in the same group.
    fn demand_in_group(&self, command: &Command, capture: &Capture, group: &[Command]) -> i64 {
        let holds = group.iter().filter_map(|other| match &other.action {
            Action::Hold(hold)
                if other.reference_id == capture.hold && other.user_id == command.user_id =>
            {
                let (amount, quantity) = match capture.quantity {
                    Some(_) => (None, capture.quantity),
                    None => (hold.amount, hold.quantity),
                };
                cost(&hold.service, amount, quantity, self).ok()
            }
            _ => None,
        });
        holds.max().unwrap_or(0)
    }
}

/// The cost of the use of a service: the amount in the command, else the service's price times the
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
