//! Amounts of money in the smallest unit of their currency, and shares of them.

/// Currencies whose smallest unit is the unit itself, in the amounts of payment providers.
const NO_DECIMALS: [&str; 15] = [
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// The whole, in millionths.
const WHOLE: i128 = 1_000_000;

/// The number of decimals of a currency, by its three upper-case letters.
fn decimals(currency: &str) -> u32 {
    if NO_DECIMALS.contains(&currency) {
        0
    } else if THREE_DECIMALS.contains(&currency) {
        3
    } else {
        2
    }
}

/// An amount as a decimal text.
pub fn decimal(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let unit = 10_i64.pow(decimals);
    match usize::try_from(decimals) {
        Ok(width) if width > 0 => format!("{}.{:0width$}", amount / unit, (amount % unit).abs()),
        _ => amount.to_string(),
    }
}

/// The share `part / whole` as a decimal text with six decimals, rounded up and at most 1, so that
/// the refunds of a whole payment in parts add up to the whole. `None` if the part is not above 0.
pub fn share(part: i64, whole: i64) -> Option<String> {
    if part <= 0 || whole <= 0 {
        return None;
    }
    let (part, whole) = (i128::from(part), i128::from(whole));
    let share = ((part * WHOLE + whole - 1) / whole).min(WHOLE);
    Some(format!("{}.{:06}", share / WHOLE, share % WHOLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        for (amount, currency, text) in [
            (999, "USD", "9.99"),
            (5, "EUR", "0.05"),
            (1000, "JPY", "1000"),
            (1500, "UGX", "15.00"),
            (1234, "KWD", "1.234"),
        ] {
            assert_eq!(decimal(amount, currency), text);
        }
    }

    #[test]
    fn the_shares_of_three_thirds_are_the_whole() {
        assert_eq!(share(250, 1000).as_deref(), Some("0.250000"));
        assert_eq!(share(333, 999).as_deref(), Some("0.333334"));
        assert_eq!(share(1200, 1000).as_deref(), Some("1.000000"));
        assert_eq!(share(0, 1000), None);
        assert_eq!(share(1, 0), None);
    }
}
