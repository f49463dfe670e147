//! Values formatted for people.

use chrono::{DateTime, Utc};
use producer_sdk::contract::AmountPaid;
use uuid::Uuid;

/// Credits with a comma between thousands.
pub fn credits(credits: i64) -> String {
    large(credits.into())
}

/// A number with a comma between thousands; a sum of credits may exceed 64 bits.
pub fn large(credits: i128) -> String {
    let digits = credits.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if credits < 0 {
        format!("-{text}")
    } else {
        text
    }
}

/// Credits with a plus or minus sign.
pub fn signed(amount: i64) -> String {
    let sign = if amount > 0 { "+" } else { "" };
    format!("{sign}{}", credits(amount))
}

/// A number with its noun, such as "1 credit" or "2 credits". The plural of the noun takes an s.
pub fn counted(number: i128, noun: &str) -> String {
    let plural = if number.unsigned_abs() == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", large(number))
}

/// A number of batches, such as "1 batch" or "2 batches".
pub fn batches(number: i128) -> String {
    let plural = if number == 1 { "" } else { "es" };
    format!("{} batch{plural}", large(number))
}

/// A change in credits with its sign, such as "+1 credit" or "-2 credits".
pub fn signed_credits(amount: i64) -> String {
    let plural = if amount.unsigned_abs() == 1 { "" } else { "s" };
    format!("{} credit{plural}", signed(amount))
}

/// An amount of money, from millionths of the currency's unit.
pub fn money(micros: i64, currency: &str) -> String {
    let amount = AmountPaid::from_micros(micros).map(|paid| paid.to_string());
    format!("{} {currency}", amount.unwrap_or_default())
}

/// An instant in UTC, to the second.
pub fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The day of an instant, in UTC.
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// The last 8 hexadecimal digits of an id. Ids begin with a time, so their ends differ most.
pub fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_234_567, "-1,234,567"),
        ] {
            assert_eq!(credits(number), text);
        }
        assert_eq!(signed(5), "+5");
        assert_eq!(signed(-5), "-5");
    }

    #[test]
    fn one_credit_has_no_plural() {
        assert_eq!(counted(1, "credit"), "1 credit");
        assert_eq!(counted(0, "wallet"), "0 wallets");
        assert_eq!(counted(1_000, "period"), "1,000 periods");
        assert_eq!(signed_credits(-1), "-1 credit");
        assert_eq!(signed_credits(20), "+20 credits");
    }
}
