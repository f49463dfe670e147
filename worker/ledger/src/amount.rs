//! Amounts and prices. Credits are whole numbers in `i64`. A [`Price`] turns a quantity into
//! credits without floating-point arithmetic.

/// The largest amount of one command or batch: 10^15 credits.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;

/// A price: `credits` for each `per` units.
///
/// Two credits for a call are `{ credits: 2, per: 1 }`. One credit for a thousand tokens is
/// `{ credits: 1, per: 1000 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Credits for `per` units. The price of a free service is 0.
    pub credits: i64,
    /// Number of units that `credits` pays for, at least 1.
    pub per: i64,
}

impl Price {
    /// A price of `credits` for one unit.
    pub const fn each(credits: i64) -> Self {
        Self { credits, per: 1 }
    }

    /// The cost of `quantity` units: `ceil(quantity × credits / per)`.
    ///
    /// Returns `None` if the cost exceeds [`MAX_AMOUNT`], if `quantity` or `credits` is negative,
    /// or if `per` is below 1.
    pub fn total(self, quantity: i64) -> Option<i64> {
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

    /// Conformance: Amounts, time and spending order: A price is `2` or `{ credits, per }`; the
    /// cost is exactly `ceil(quantity × credits / per)`
    #[test]
    fn a_started_unit_costs_a_whole_credit() {
        let tokens = Price {
            credits: 1,
            per: 1000,
        };
        assert_eq!(tokens.total(1), Some(1));
        assert_eq!(tokens.total(1000), Some(1));
        assert_eq!(tokens.total(1001), Some(2));
        assert_eq!(tokens.total(2417), Some(3));
    }

    #[test]
    fn an_invalid_price_or_quantity_has_no_total() {
        let price = |credits, per| Price { credits, per };
        assert_eq!(price(-1, 1).total(1), None);
        assert_eq!(price(1, 0).total(1), None);
        assert_eq!(price(1, -1).total(1), None);
        assert_eq!(price(1, 1).total(-1), None);
        assert_eq!(price(0, 0).total(1), None);
        assert_eq!(price(1, 1).total(0), Some(0));
    }

    #[test]
    fn a_free_service_costs_nothing() {
        assert_eq!(Price::each(0).total(MAX_AMOUNT), Some(0));
    }

    /// Conformance: Amounts, time and spending order: A price is `2` or `{ credits, per }`; the
    /// cost is exactly `ceil(quantity × credits / per)`
    #[test]
    fn a_total_above_the_largest_amount_is_none() {
        assert_eq!(Price::each(1).total(MAX_AMOUNT), Some(MAX_AMOUNT));
        assert_eq!(Price::each(2).total(MAX_AMOUNT), None);
        assert_eq!(Price::each(i64::MAX).total(i64::MAX), None);
    }
}
