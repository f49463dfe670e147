//! Parsers for the values of arguments, and their error texts. clap puts the name of the argument
//! before the error text.

use std::{ops::RangeInclusive, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ledger::MAX_AMOUNT;
use strum::VariantArray;

use super::show;

const INSTANTS: &str = "an instant in RFC 3339 (2026-11-30T09:00:00Z), a day (2026-11-30, which \
                        means 00:00 UTC), `now`, `today`, `yesterday`, or a time ago (-90m, -12h, \
                        -7d)";
const DAYS: &str =
    "a day (2026-11-30), `today`, `yesterday`, or a number of days ago (-7d), in UTC";

/// A parser of the names of `T`.
pub fn name_of<T>() -> impl TypedValueParser<Value = T>
where
    T: VariantArray + FromStr<Err = strum::ParseError> + Copy + Send + Sync,
    &'static str: From<T>,
{
    PossibleValuesParser::new(T::VARIANTS.iter().map(|value| <&str>::from(*value)))
        .try_map(|name| name.parse())
}

/// Parses a number of credits or units, from 1 to 10^15.
pub fn amount(text: &str) -> Result<i64, String> {
    whole(text, 1..=MAX_AMOUNT)
}

/// Parses a number of credits from -10^15 to 10^15, such as the bound of a filter.
pub fn bound(text: &str) -> Result<i64, String> {
    whole(text, -MAX_AMOUNT..=MAX_AMOUNT)
}

/// Parses the quantity of a package or a plan, from 1 to 1,000,000.
pub fn units(text: &str) -> Result<i64, String> {
    whole(text, 1..=producer_sdk::contract::MAX_UNITS)
}

/// Parses a validity in days, from 1 to 36,500.
pub fn days(text: &str) -> Result<i64, String> {
    whole(text, 1..=producer_sdk::contract::MAX_VALIDITY_DAYS)
}

/// Parses the duration of a hold in seconds, from 1 to 2,592,000 (30 days).
pub fn hold_seconds(text: &str) -> Result<i64, String> {
    whole(text, 1..=producer_sdk::contract::MAX_HOLD_SECONDS)
}

fn whole(text: &str, allowed: RangeInclusive<i64>) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (
            show::credits(*allowed.start()),
            show::credits(*allowed.end()),
        );
        format!("must be a whole number from {least} to {most}")
    })
}

/// Parses an instant, absolute or relative to now.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    instant_at(text, Utc::now()).ok_or_else(|| format!("allowed is {INSTANTS}"))
}

/// Parses a day in UTC, absolute or relative to today.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    day_at(text, Utc::now()).ok_or_else(|| format!("allowed is {DAYS}"))
}

fn instant_at(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if text == "now" {
        return Some(now);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    // `-1d` is this time of yesterday, while `today`, `yesterday` and a date mean 00:00 UTC.
    if let Some(length) = text.strip_prefix('-').and_then(length) {
        return now.checked_sub_signed(length);
    }
    day_at(text, now).map(|day| day.and_time(NaiveTime::MIN).and_utc())
}

fn day_at(text: &str, now: DateTime<Utc>) -> Option<NaiveDate> {
    let today = now.date_naive();
    match text {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => match text.strip_prefix('-') {
            Some(ago) => {
                let days = ago.strip_suffix('d')?.parse().ok()?;
                today.checked_sub_days(chrono::Days::new(days))
            }
            None => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
        },
    }
}

/// Parses a length such as 90m, 12h or 7d.
fn length(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse::<u32>().ok()?.into();
    match unit {
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn instants_are_absolute_or_relative_to_now() {
        let now = at("2026-11-30T15:04:05Z");
        for (text, instant) in [
            ("now", "2026-11-30T15:04:05Z"),
            ("today", "2026-11-30T00:00:00Z"),
            ("yesterday", "2026-11-29T00:00:00Z"),
            ("2026-02-28", "2026-02-28T00:00:00Z"),
            ("2026-02-28T10:00:00+01:00", "2026-02-28T09:00:00Z"),
            ("-90m", "2026-11-30T13:34:05Z"),
            ("-12h", "2026-11-30T03:04:05Z"),
            ("-7d", "2026-11-23T15:04:05Z"),
        ] {
            assert_eq!(instant_at(text, now), Some(at(instant)), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "-7",
            "-7w",
            "--7d",
            "-d",
            "2026-02-30",
            "7d",
            "-é",
        ] {
            assert_eq!(instant_at(text, now), None, "{text}");
        }
    }

    #[test]
    fn days_are_absolute_or_relative_to_today() {
        let now = at("2026-03-01T00:00:00Z");
        let day = |text: &str| day_at(text, now).map(|day| day.to_string());
        for (text, expected) in [
            ("today", "2026-03-01"),
            ("yesterday", "2026-02-28"),
            ("-7d", "2026-02-22"),
            ("2026-11-30", "2026-11-30"),
        ] {
            assert_eq!(day(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "-7h",
            "now",
            "2026-13-01",
            "-99999999999d",
            "2026-11-30T09:00:00Z",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_allowed_values() {
        assert_eq!(amount("5"), Ok(5));
        for wrong in ["0", "-5", "1.5", "1e3", "", "1000000000000001"] {
            let error = amount(wrong).expect_err(wrong);
            assert_eq!(
                error,
                "must be a whole number from 1 to 1,000,000,000,000,000"
            );
        }
        assert_eq!(bound("-5"), Ok(-5));
        assert_eq!(
            days("36501"),
            Err("must be a whole number from 1 to 36,500".to_owned())
        );
        let error = instant("soon").expect_err("no instant");
        assert!(
            error.contains("2026-11-30T09:00:00Z") && error.contains("yesterday"),
            "{error}"
        );
    }
}
