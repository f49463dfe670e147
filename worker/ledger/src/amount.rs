//! Credits are whole numbers in `i64`; a price turns a quantity into credits without a float.

/// The largest amount of one command or batch: 10^15 credits.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;

/// A price: `credits` for each `per` units. `2` a call is `{ credits: 2, per: 1 }`; one credit for a thousand
/// tokens is `{ credits: 1, per: 1000 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Credits for `per` units; 0 is a free service.
    pub credits: i64,
    /// Units that `credits` pays for; at least 1.
    pub per: i64,
}

impl Price {
    /// A price of `credits` for one unit.
    pub const fn each(credits: i64) -> Self {
        Self { credits, per: 1 }
    }

    /// `ceil(quantity × credits / per)`, or `None` where the result is above [`MAX_AMOUNT`] or makes no sense.
    pub fn of(self, quantity: i64) -> Option<i64> {
        if self.credits < 0 || self.per < 1 || quantity < 0 {
            return None;
        }
        let product = i128::from(self.credits) * i128::from(quantity);
        let per = i128::from(self.per);
        let cost = (product + per - 1) / per;
        i64::try_from(cost).ok().filter(|cost| *cost <= MAX_AMOUNT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_unit_costs_a_whole_credit() {
        let tokens = Price {
            credits: 1,
            per: 1000,
        };
        assert_eq!(tokens.of(1), Some(1));
        assert_eq!(tokens.of(1000), Some(1));
        assert_eq!(tokens.of(1001), Some(2));
        assert_eq!(tokens.of(2417), Some(3));
    }

    #[test]
    fn a_price_that_makes_no_sense_is_none() {
        let price = |credits, per| Price { credits, per };
        assert_eq!(price(-1, 1).of(1), None);
        assert_eq!(price(1, 0).of(1), None);
        assert_eq!(price(1, -1).of(1), None);
        assert_eq!(price(1, 1).of(-1), None);
        assert_eq!(price(0, 0).of(1), None);
        assert_eq!(price(1, 1).of(0), Some(0));
    }

    #[test]
    fn a_free_service_costs_nothing() {
        assert_eq!(Price::each(0).of(MAX_AMOUNT), Some(0));
    }

    #[test]
    fn a_price_above_the_largest_amount_is_none() {
        assert_eq!(Price::each(1).of(MAX_AMOUNT), Some(MAX_AMOUNT));
        assert_eq!(Price::each(2).of(MAX_AMOUNT), None);
        assert_eq!(Price::each(i64::MAX).of(i64::MAX), None);
    }
}
