//! Prices of purchases: a decimal text on the wire, whole millionths in the program. No floats.

use std::fmt;
use std::str::FromStr;

use super::json::found_text;
use super::rejection::Rejection;

const MICROS: i64 = 1_000_000;
const MAX_UNITS: i64 = 1_000_000_000_000;

pub(crate) const AMOUNT_PAID: &str = "a decimal number in quotes, from \"0\" to \"1000000000000\" \
     with at most 6 decimals, such as \"9.99\"";

/// An amount of money in millionths of the currency's unit, 0 to 10^12 units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmountPaid(i64);

impl AmountPaid {
    /// Creates an amount from millionths of a unit. `None` if it is out of range.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (0..=MAX_UNITS * MICROS)
            .contains(&micros)
            .then_some(Self(micros))
    }

    /// Reads a decimal text. The rejection names `field`.
    pub(crate) fn read(field: &str, text: &str, allowed: &str) -> Result<Self, Rejection> {
        Self::parse(text).ok_or_else(|| Rejection::invalid(field, found_text(text), allowed))
    }

    /// The amount in millionths of a unit.
    pub fn micros(self) -> i64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let (units, decimals) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if units.is_empty() || !digits(units) || !digits(decimals) || decimals.len() > 6 {
            return None;
        }
        let units: i64 = units.parse().ok()?;
        let fraction: i64 = format!("{decimals:0<6}").parse().ok()?;
        Self::from_micros(units.checked_mul(MICROS)?.checked_add(fraction)?)
    }
}

impl FromStr for AmountPaid {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        Self::read("amountPaid", text, AMOUNT_PAID)
    }
}

/// Writes the shortest decimal: `9.99`, `10`, `0.000001`.
impl fmt::Display for AmountPaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, fraction) = (self.0 / MICROS, self.0 % MICROS);
        if fraction == 0 {
            return write!(f, "{units}");
        }
        let decimals = format!("{fraction:06}");
        write!(f, "{units}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_the_shortest_decimal() {
        for (sent, micros, back) in [
            ("9.99", 9_990_000, "9.99"),
            ("10", 10_000_000, "10"),
            ("10.00", 10_000_000, "10"),
            ("0.000001", 1, "0.000001"),
            ("0", 0, "0"),
            ("1000000000000", 1_000_000_000_000_000_000, "1000000000000"),
        ] {
            let paid: AmountPaid = sent.parse().expect(sent);
            assert_eq!((paid.micros(), paid.to_string().as_str()), (micros, back));
        }
    }

    #[test]
    fn texts_that_are_no_plain_decimal_are_refused() {
        for sent in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "0.0000001",
            "1000000000000.000001",
            "NaN",
        ] {
            let rejection = sent.parse::<AmountPaid>().expect_err(sent);
            assert_eq!(rejection.field.as_deref(), Some("amountPaid"));
        }
    }
}
