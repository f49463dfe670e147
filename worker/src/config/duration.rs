//! Durations in a configuration: a number and a unit.

use std::time::Duration;

/// Milliseconds in each unit, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Parses a duration such as `90s`, `24h`, `250ms`.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = UNITS.iter().find(|(name, _)| *name == unit.trim())?.1;
    Some(Duration::from_millis(
        number.parse::<u64>().ok()?.checked_mul(millis)?,
    ))
}

/// Formats a duration in the largest unit that needs no fraction.
pub fn format(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = |(_, unit): &&(&str, u64)| millis >= *unit && millis.is_multiple_of(*unit);
    UNITS.iter().find(fits).map_or_else(
        || format!("{millis}ms"),
        |(name, unit)| format!("{}{name}", millis / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_parses_to_the_same_value_after_formatting() {
        for text in ["1d", "36h", "90s", "15m", "250ms", "0ms"] {
            assert_eq!(parse(text).map(format).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_text_without_a_known_unit_or_a_whole_number_is_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5h",
            "10 parsecs",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
