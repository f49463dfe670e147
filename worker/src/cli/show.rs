//! Values as people read them.

use chrono::{DateTime, Utc};
use producer_sdk::contract::AmountPaid;
use uuid::Uuid;

/// Credits with a thin separator between thousands.
pub fn credits(credits: i64) -> String {
    large(credits.into())
}

/// The same of a sum that may exceed 64 bits.
pub fn large(credits: i128) -> String {
    let digits = credits.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if credits < 0 { format!("-{text}") } else { text }
}

/// Credits with their sign.
pub fn signed(amount: i64) -> String {
    let sign = if amount > 0 { "+" } else { "" };
    format!("{sign}{}", credits(amount))
}

/// Money, from millionths.
pub fn money(micros: i64, currency: &str) -> String {
    let amount = AmountPaid::from_micros(micros).map(|paid| paid.to_string());
    format!("{} {currency}", amount.unwrap_or_default())
}

/// An instant, to the second.
pub fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A day.
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// The part of an id that differs from its neighbours': ids begin with the time.
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
}
