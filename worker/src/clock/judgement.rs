//! By how much the clocks differ, computed from the readings alone.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::reading::{Reading, delta};

/// A clock whose file gave no confirmation has to be steady for this long before jobs run by it.
pub const STEADY: Duration = Duration::from_mins(5);

/// This machine's clock minus a second one that was read within `took` before `after`: zero if the second one may have
/// shown the same at some moment of that time.
pub fn difference_from(second: DateTime<Utc>, after: DateTime<Utc>, took: Duration) -> TimeDelta {
    let before = after - delta(took);
    if second < before {
        before - second
    } else if second > after {
        after - second
    } else {
        TimeDelta::zero()
    }
}

/// A file as the second clock. Its newest entry bounds the time from below. From above it is bounded by the monotonic
/// clock alone: from the first reading on that the newest entry did not contradict.
#[derive(Debug, Default)]
pub struct FileClock {
    first: Option<Reading>,
    /// Since when the clock has been steady, if nothing confirmed it then.
    unconfirmed_since: Option<Instant>,
}

impl FileClock {
    /// This machine's clock minus what the file and the monotonic clock say it must be. `newest` is the newest entry.
    pub fn difference(
        &mut self,
        now: &Reading,
        newest: Option<DateTime<Utc>>,
        limit: TimeDelta,
    ) -> TimeDelta {
        let ahead = newest.map(|newest| now.time_of_day - newest);
        let behind = ahead.unwrap_or_default().min(TimeDelta::zero());
        let Some(first) = &self.first else {
            if -behind <= limit {
                self.start(now, ahead.is_some_and(|ahead| ahead > limit));
            }
            return behind;
        };
        let step = now.step_since(first);
        if step > limit && now.uptime.is_none() {
            // It may have been a suspension: this system does not tell.
            self.start(now, true);
            return behind;
        }
        if step.abs() > behind.abs() { step } else { behind }
    }

    /// How much longer the clock has to be steady before jobs run by it.
    pub fn unsteady_for(&self, now: Instant) -> Option<Duration> {
        let steady = now.saturating_duration_since(self.unconfirmed_since?);
        STEADY.checked_sub(steady).filter(|left| !left.is_zero())
    }

    fn start(&mut self, now: &Reading, is_unconfirmed: bool) {
        self.first = Some(*now);
        self.unconfirmed_since = is_unconfirmed.then_some(now.monotonic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: TimeDelta = TimeDelta::minutes(5);
    const DAY: TimeDelta = TimeDelta::days(1);
    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn reading(time_of_day: DateTime<Utc>) -> Reading {
        Reading {
            time_of_day,
            monotonic: Instant::now(),
            uptime: Some(Duration::from_secs(1000)),
        }
    }

    /// `passed` later by the monotonic clock, with the time of day stepped by `step`.
    fn later(earlier: &Reading, passed: Duration, step: TimeDelta) -> Reading {
        Reading {
            time_of_day: earlier.time_of_day + passed + step,
            monotonic: earlier.monotonic + passed,
            uptime: earlier.uptime.map(|uptime| uptime + passed),
        }
    }

    #[test]
    fn clocks_that_may_have_agreed_while_the_second_was_read_do_not_differ() {
        let took = Duration::from_secs(10);
        for second in [90, 95, 100] {
            assert_eq!(difference_from(at(second), at(100), took), TimeDelta::zero());
        }
        assert_eq!(difference_from(at(80), at(100), took), TimeDelta::seconds(10));
        assert_eq!(difference_from(at(130), at(100), took), TimeDelta::seconds(-30));
    }

    #[test]
    fn a_clock_behind_the_newest_entry_differs_until_it_is_set() {
        let mut file = FileClock::default();
        let now = reading(at(0));
        assert_eq!(file.difference(&now, Some(at(0) + DAY), LIMIT), -DAY);
        let set = later(&now, Duration::from_secs(1), DAY);
        assert_eq!(file.difference(&set, Some(at(0) + DAY), LIMIT), TimeDelta::zero());
        assert_eq!(file.unsteady_for(set.monotonic), None);
    }

    #[test]
    fn a_step_in_either_direction_is_a_difference_until_it_is_taken_back() {
        for step in [DAY, -DAY] {
            let mut file = FileClock::default();
            let now = reading(at(0));
            assert_eq!(file.difference(&now, None, LIMIT), TimeDelta::zero());
            let stepped = later(&now, Duration::from_secs(1), step);
            assert_eq!(file.difference(&stepped, None, LIMIT), step);
            let longer = later(&now, MINUTE * 120, step);
            assert_eq!(file.difference(&longer, None, LIMIT), step);
            let back = later(&now, MINUTE * 121, TimeDelta::zero());
            assert_eq!(file.difference(&back, None, LIMIT), TimeDelta::zero());
        }
    }

    #[test]
    fn small_steps_add_up() {
        let mut file = FileClock::default();
        let now = reading(at(0));
        file.difference(&now, None, LIMIT);
        for minutes in [2, 4, 6] {
            let step = TimeDelta::minutes(minutes);
            let stepped = later(&now, MINUTE, step);
            assert_eq!(file.difference(&stepped, None, LIMIT), step);
        }
    }

    #[test]
    fn a_clock_far_ahead_of_an_old_entry_has_to_be_steady_for_a_while() {
        let mut file = FileClock::default();
        let now = reading(at(0) + DAY);
        assert_eq!(file.difference(&now, Some(at(0)), LIMIT), TimeDelta::zero());
        assert_eq!(file.unsteady_for(now.monotonic), Some(STEADY));
        assert_eq!(file.unsteady_for(now.monotonic + MINUTE), Some(MINUTE * 4));
        assert_eq!(file.unsteady_for(now.monotonic + STEADY), None);
        let mut new = FileClock::default();
        new.difference(&now, None, LIMIT);
        assert_eq!(
            new.unsteady_for(now.monotonic),
            None,
            "an empty file contradicts nothing"
        );
    }

    #[test]
    fn where_a_suspension_cannot_be_told_a_jump_ahead_is_taken_for_one() {
        let mut file = FileClock::default();
        let now = Reading {
            uptime: None,
            ..reading(at(0))
        };
        file.difference(&now, None, LIMIT);
        let resumed = later(&now, Duration::from_secs(1), DAY);
        assert_eq!(file.difference(&resumed, None, LIMIT), TimeDelta::zero());
        assert_eq!(file.unsteady_for(resumed.monotonic), Some(STEADY));
        let behind = later(&resumed, Duration::from_secs(1), -DAY);
        assert_eq!(file.difference(&behind, None, LIMIT), -DAY);
    }
}
