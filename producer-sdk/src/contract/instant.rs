//! Instants on the wire: RFC 3339, UTC, truncated to microseconds (what both databases can hold).

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// Parse any RFC 3339 offset; `None` if it is none. A leap second becomes the first one after it.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    DateTime::from_timestamp_micros(at.timestamp_micros())
}

pub(crate) fn truncate(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

pub(crate) fn format(at: DateTime<Utc>) -> String {
    truncate(at).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
