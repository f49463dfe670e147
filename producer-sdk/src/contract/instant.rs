//! Instants on the wire: RFC 3339, UTC, truncated to microseconds, which both databases can store.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

/// Parses an RFC 3339 instant with any offset. A leap second becomes the instant after it.
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
