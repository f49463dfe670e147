//! Errors of the clock.

use std::time::Duration;

use chrono::TimeDelta;

use crate::db::StoreError;

/// Why there is no confirmed time.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The clocks differ by more than the limit.
    #[error(
        "this machine's clock is {} than {second}; allowed are at most {:.0} s (worker.clock_stop)",
        described(*difference), limit.as_secs_f64()
    )]
    Differs {
        /// This machine's clock minus the second clock.
        difference: TimeDelta,
        /// The largest allowed difference.
        limit: Duration,
        /// The name of the second clock.
        second: &'static str,
    },
    /// The clock is later than the newest entry of the file: either the ledger was idle, or the
    /// clock is wrong.
    #[error(
        "this machine's clock is {} than the newest entry of the file; it must be steady for {} s \
         more",
        described(*ahead), left.as_secs()
    )]
    Unsteady {
        /// The clock minus the newest entry.
        ahead: TimeDelta,
        /// Remaining time for which the clock must be steady.
        left: Duration,
    },
    /// The second clock cannot be read.
    #[error("the clocks cannot be compared")]
    Unknown(#[source] StoreError),
}

impl ClockError {
    /// The kind of the error, as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Differs { .. } | Self::Unsteady { .. } => "clock",
            Self::Unknown(error) => error.kind(),
        }
    }

    /// The error code of the database, if the database failed.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Differs { .. } | Self::Unsteady { .. } => None,
            Self::Unknown(error) => error.code(),
        }
    }

    /// Whether the clocks were compared and the time of day is not confirmed.
    pub const fn is_wrong_time(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

fn described(difference: TimeDelta) -> String {
    let days = difference.num_days().abs();
    let seconds = difference.abs().as_seconds_f64();
    let direction = if difference < TimeDelta::zero() {
        "earlier"
    } else {
        "later"
    };
    if days > 1 {
        format!("{days} days {direction}")
    } else {
        format!("{seconds:.1} s {direction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_both_clocks_the_difference_and_the_limit() {
        let error = ClockError::Differs {
            difference: TimeDelta::milliseconds(-610_250),
            limit: Duration::from_mins(5),
            second: "the database's clock",
        };
        assert_eq!(
            error.to_string(),
            "this machine's clock is 610.2 s earlier than the database's clock; allowed are at \
             most 300 s (worker.clock_stop)"
        );
        assert_eq!(described(TimeDelta::days(400)), "400 days later");
        assert_eq!(error.kind(), "clock");
        assert!(error.is_wrong_time());
    }
}
