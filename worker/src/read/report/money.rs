//! Amounts of money. They are integers, and are rounded once, when they are displayed.

use std::{collections::BTreeMap, fmt};

use iso_currency::Currency;
use serde::{Serialize, Serializer};

/// Decimals of a currency for which ISO 4217 defines none, or which it does not list.
const USUAL_DECIMALS: u32 = 2;
/// Decimals of a millionth.
const MICRO_DECIMALS: u32 = 6;
/// Bits of the fraction of a millionth.
const FRACTION: u32 = 64;
/// A fraction from here on counts as a whole millionth.
const NEARLY_ONE: u128 = (1 << FRACTION) - (1 << (FRACTION / 2));

/// An amount of money.
///
/// It is displayed as a decimal number with the decimals of its currency, or with more if one of
/// its addends was paid with more. The rest is rounded half up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    currency: String,
    /// Largest number of decimals of its addends, 0 to 6.
    places: u32,
    /// Whole millionths.
    micros: i128,
    /// Fraction of a millionth, in units of 2^-64.
    fraction: u128,
}

impl Money {
    /// An amount of zero in a currency.
    pub(super) const fn none(currency: String) -> Self {
        Self {
            currency,
            places: 0,
            micros: 0,
            fraction: 0,
        }
    }

    /// Adds whole millionths.
    pub(super) fn add(&mut self, micros: i128) {
        self.places = self.places.max(places(micros));
        self.micros += micros;
    }

    /// Adds another amount of the same currency.
    pub(super) fn add_money(&mut self, other: &Self) {
        self.places = self.places.max(other.places);
        self.micros += other.micros;
        self.fraction += other.fraction;
        self.carry();
    }

    /// Moves whole millionths out of the fraction.
    fn carry(&mut self) {
        self.micros += i128::try_from(self.fraction >> FRACTION).unwrap_or_default();
        self.fraction &= (1 << FRACTION) - 1;
    }

    /// Adds the value of `credits` credits out of `amount` credits for which `paid_micros` were
    /// paid. The remainder of the division is stored in units of 2^-64 of a millionth, so even a
    /// billion additions are exact to one millionth.
    pub(super) fn add_part(&mut self, credits: i128, amount: i64, paid_micros: i64) {
        let (amount, paid) = (i128::from(amount.max(1)), i128::from(paid_micros));
        self.places = self.places.max(places(paid));
        let rest = credits.rem_euclid(amount) * paid;
        self.micros += credits.div_euclid(amount) * paid + rest / amount;
        self.fraction += ((rest % amount).unsigned_abs() << FRACTION) / amount.unsigned_abs();
        self.carry();
    }

    /// The currency: three upper-case letters.
    pub fn currency(&self) -> &str {
        &self.currency
    }
}

/// Number of decimals of the smallest unit of a currency.
fn decimals(currency: &str) -> u32 {
    let known = Currency::from_code(currency).and_then(Currency::exponent);
    known.map_or(USUAL_DECIMALS, u32::from).min(MICRO_DECIMALS)
}

/// Number of decimals that an amount in millionths needs, 0 to 6.
fn places(micros: i128) -> u32 {
    let mut places = MICRO_DECIMALS;
    let mut rest = micros;
    while places > 0 && rest % 10 == 0 {
        rest /= 10;
        places -= 1;
    }
    places
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = decimals(&self.currency).max(self.places);
        let unit = 10_i128.pow(MICRO_DECIMALS - decimals);
        // Three thirds are one, although each third was truncated.
        let carry = if unit == 1 {
            1 << (FRACTION - 1)
        } else {
            NEARLY_ONE
        };
        let micros = self.micros + i128::from(self.fraction >= carry);
        let units = (micros + unit / 2).div_euclid(unit);
        if units < 0 {
            f.write_str("-")?;
        }
        let units = units.abs();
        let whole = 10_i128.pow(decimals);
        write!(f, "{}", units / whole)?;
        if decimals > 0 {
            write!(f, ".{:0width$}", units % whole, width = decimals as usize)?;
        }
        Ok(())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            currency: &'a str,
            amount: String,
        }
        let amount = self.to_string();
        Shown {
            currency: &self.currency,
            amount,
        }
        .serialize(serializer)
    }
}

/// Sums of money, one for each currency.
#[derive(Debug, Default)]
pub(super) struct MoneyByCurrency(BTreeMap<String, Money>);

impl MoneyByCurrency {
    /// The money of a currency.
    pub fn in_currency(&mut self, currency: &str) -> &mut Money {
        self.0
            .entry(currency.to_owned())
            .or_insert_with(|| Money::none(currency.to_owned()))
    }

    /// All amounts, by currency.
    pub fn into_money(self) -> Vec<Money> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(currency: &str, micros: i128) -> String {
        let mut money = Money::none(currency.to_owned());
        money.add(micros);
        money.to_string()
    }

    /// Conformance: Configuration and command line: Money has the ISO 4217 decimals of its
    /// currency, and more if it was paid with more
    #[test]
    fn a_paid_amount_is_displayed_with_all_its_decimals() {
        for (currency, micros, text) in [
            ("USD", 9_990_000, "9.99"),
            ("USD", 9_900_000, "9.90"),
            ("USD", 9_994_999, "9.994999"),
            ("USD", 9_995_000, "9.995"),
            ("JPY", 1_500_000, "1.5"),
            ("JPY", 2_000_000, "2"),
            ("KWD", 1_000_500, "1.0005"),
            ("USD", 0, "0.00"),
            ("CLF", 1_000_000, "1.0000"),
            ("UYW", 1_000_000, "1.0000"),
            ("UYI", 1_000_000, "1"),
            ("XAU", 1_000_000, "1.00"),
            ("ZZZ", 1_000_000, "1.00"),
        ] {
            assert_eq!(money(currency, micros), text);
        }
    }

    /// Conformance: Configuration and command line: Money has the ISO 4217 decimals of its
    /// currency, and more if it was paid with more
    #[test]
    fn a_share_is_rounded_half_up_to_the_decimals_of_its_price_or_currency() {
        let share = |currency: &str, credits, amount, micros| {
            let mut money = Money::none(currency.to_owned());
            money.add_part(credits, amount, micros);
            money.to_string()
        };
        assert_eq!(share("USD", 1, 2, 9_990_000), "5.00");
        assert_eq!(share("USD", 97, 100, 9_990_000), "9.69");
        assert_eq!(share("JPY", 190, 300, 1_000_000_000), "633");
        assert_eq!(share("USD", 100, 100, 9_995_000), "9.995");
        assert_eq!(share("USD", 50, 100, 9_995_000), "4.998");
        assert_eq!(share("USD", 1, 3, 2), "0.000001");
        assert_eq!(share("USD", 1, 3, 1), "0.000000");
    }

    #[test]
    fn more_may_be_subtracted_than_was_added() {
        let mut money = Money::none("USD".to_owned());
        money.add(2_500_000);
        money.add_part(-50, 100, 9_990_000);
        assert_eq!(money.to_string(), "-2.49", "half a cent is rounded up");
        money.add_part(50, 100, 9_990_000);
        assert_eq!(money.to_string(), "2.50");
        money.add_part(-1, 3, 10_000);
        money.add_part(-2, 3, 10_000);
        assert_eq!(money.to_string(), "2.49");
    }

    #[test]
    fn fractions_are_added_exactly_and_rounded_once_at_the_end() {
        let mut thirds = Money::none("USD".to_owned());
        for _ in 0..3_000 {
            // A third of a cent each. If each were rounded, their sum would be zero.
            thirds.add_part(1, 3, 10_000);
        }
        assert_eq!(thirds.to_string(), "10.00");
    }

    #[test]
    fn fractions_that_add_up_to_a_whole_unit_are_displayed_as_one() {
        let mut money = Money::none("USD".to_owned());
        for _ in 0..3 {
            money.add_part(1, 3, 10_000);
        }
        assert_eq!(money.to_string(), "0.01");
        let mut half = Money::none("USD".to_owned());
        for _ in 0..3 {
            half.add_part(1, 6, 10_000);
        }
        assert_eq!(half.to_string(), "0.01", "half a cent, rounded up");
    }

    #[test]
    fn the_largest_amounts_that_the_contract_allows_fit() {
        let mut money = Money::none("USD".to_owned());
        let most = 1_000_000_000_000_000;
        money.add_part(
            i128::from(most) * 1_000_000,
            most,
            1_000_000_000_000_000_000,
        );
        assert_eq!(money.to_string(), "1000000000000000000.00");
        let mut half = Money::none("USD".to_owned());
        half.add_part(i128::from(most / 2), most, 1_000_000_000_000_000_000);
        assert_eq!(half.to_string(), "500000000000.00");
    }
}
