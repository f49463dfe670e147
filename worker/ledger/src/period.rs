//! Months counted from an anchor.
//!
//! Period `k` starts `k` months after the anchor. It is always counted from the anchor itself, so a
//! month that is too short for the anchor's day does not shorten the months after it: 31 January,
//! 28 February, 31 March.

use chrono::{DateTime, Datelike, Months, Utc};

/// One month of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant of the next period.
    pub end: DateTime<Utc>,
}

impl Period {
    /// The period that contains `at`, or the first period if `at` is before the anchor.
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

    /// The month of its start, as `YYYY-MM`.
    pub fn month(&self) -> String {
        self.start.format("%Y-%m").to_string()
    }
}

/// The start of the period with index `nth`, counted from 0. A start beyond the calendar is the
/// last instant of the calendar.
pub fn start(anchor: DateTime<Utc>, nth: u32) -> DateTime<Utc> {
    anchor
        .checked_add_months(Months::new(nth))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
