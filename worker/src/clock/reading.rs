//! The clocks of this process, read together.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::TimeOfDay;

/// Seconds since the machine started, including suspensions, which the monotonic clock leaves out.
const UPTIME: &str = "/proc/uptime";

/// The clocks of this process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The system clock, which may be stepped.
    pub time_of_day: DateTime<Utc>,
    /// The monotonic clock, which is never stepped.
    pub monotonic: Instant,
    /// Time since the machine started; `None` if the system does not report it or it was not read.
    pub uptime: Option<Duration>,
}

impl Reading {
    /// Reads the time of day and the monotonic clock.
    pub fn take(time_of_day: &TimeOfDay) -> Self {
        Self {
            time_of_day: time_of_day.now(),
            monotonic: Instant::now(),
            uptime: None,
        }
    }

    /// Adds the uptime, which costs reading a system file.
    pub fn with_uptime(self) -> Self {
        Self {
            uptime: uptime(),
            ..self
        }
    }

    /// How much further the time of day has moved than the monotonic clock since an earlier
    /// reading; negative if it has moved less.
    pub fn jump_since(&self, earlier: &Self) -> TimeDelta {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        self.time_of_day - earlier.time_of_day - delta(monotonic)
    }

    /// Like [`Self::jump_since`], minus the time for which the machine was suspended, as far as the
    /// uptime shows it.
    pub fn step_since(&self, earlier: &Self) -> TimeDelta {
        let jump = self.jump_since(earlier);
        let (Some(now), Some(then)) = (self.uptime, earlier.uptime) else {
            return jump;
        };
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        let suspended = now.saturating_sub(then).saturating_sub(monotonic);
        jump - delta(suspended)
    }
}

fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string(UPTIME).ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Converts a duration so that it can be subtracted from a time of day.
pub fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn later(
        earlier: &Reading,
        time_of_day: Duration,
        monotonic: Duration,
        uptime: Option<Duration>,
    ) -> Reading {
        Reading {
            time_of_day: earlier.time_of_day + time_of_day,
            monotonic: earlier.monotonic + monotonic,
            uptime: uptime.map(|uptime| earlier.uptime.unwrap_or_default() + uptime),
        }
    }

    fn first() -> Reading {
        Reading {
            time_of_day: DateTime::UNIX_EPOCH,
            monotonic: Instant::now(),
            uptime: Some(SECOND * 1000),
        }
    }

    #[test]
    fn a_clock_in_step_with_the_monotonic_clock_has_not_jumped() {
        let first = first();
        let second = later(&first, SECOND * 60, SECOND * 60, Some(SECOND * 60));
        assert_eq!(second.jump_since(&first), TimeDelta::zero());
        assert_eq!(second.step_since(&first), TimeDelta::zero());
    }

    #[test]
    fn a_suspension_is_a_jump_but_not_a_step() {
        let first = first();
        let second = later(&first, SECOND * 3600, SECOND * 60, Some(SECOND * 3600));
        assert_eq!(second.jump_since(&first), TimeDelta::seconds(3540));
        assert_eq!(second.step_since(&first), TimeDelta::zero());
        let no_uptime = later(&first, SECOND * 3600, SECOND * 60, None);
        assert_eq!(no_uptime.step_since(&first), TimeDelta::seconds(3540));
    }

    #[test]
    fn a_clock_that_is_set_has_stepped_in_either_direction() {
        let first = first();
        let ahead = later(&first, SECOND * 600, SECOND, Some(SECOND));
        assert_eq!(ahead.step_since(&first), TimeDelta::seconds(599));
        let behind = Reading {
            time_of_day: first.time_of_day - SECOND * 600,
            ..later(&first, SECOND, SECOND, Some(SECOND))
        };
        assert_eq!(behind.step_since(&first), TimeDelta::seconds(-601));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_reports_its_uptime() {
        assert!(uptime().is_some());
    }
}
