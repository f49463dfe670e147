//! Months counted from an anchor.
//!
//! Period `k` starts at the anchor plus `k` months. It is always counted from the anchor itself, so a month that is
//! too short for the anchor's day shortens no later one: 31 January, 28 February, 31 March.

use chrono::{DateTime, Datelike, Months, Utc};

/// One month of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant of the next one.
    pub end: DateTime<Utc>,
}

impl Period {
    /// The period that contains `at`; the first one if `at` lies before the anchor.
    pub fn containing(anchor: DateTime<Utc>, at: DateTime<Utc>) -> Self {
        let months = (i64::from(at.year()) - i64::from(anchor.year())) * 12 + i64::from(at.month())
            - i64::from(anchor.month());
        let nth = u32::try_from(months).unwrap_or(0);
        let nth = if start(anchor, nth) > at {
            nth.saturating_sub(1)
        } else {
            nth
        };
        Self {
            start: start(anchor, nth),
            end: start(anchor, nth.saturating_add(1)),
        }
    }

    /// `YYYY-MM` of its start.
    pub fn month(&self) -> String {
        self.start.format("%Y-%m").to_string()
    }
}

/// Where the period `nth` of an anchor starts. What lies beyond the calendar starts at its end.
pub fn start(anchor: DateTime<Utc>, nth: u32) -> DateTime<Utc> {
    anchor
        .checked_add_months(Months::new(nth))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
