//! Computes the difference between the clocks from their readings alone.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::reading::{Reading, delta};

/// A clock that the newest entry of the file does not confirm must be steady for this long before
/// jobs use it.
pub const STEADY: Duration = Duration::from_mins(5);
/// If the clock is later than the newest entry by more than this, commands also wait until it is
/// steady. In a shorter pause at most two periods of a subscription begin.
const LONG_PAUSE: TimeDelta = TimeDelta::days(31);

/// This machine's clock minus the second clock, which was read within `took` before `after`. Zero
/// if both clocks may have shown the same time at some moment of that span.
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

/// A file as the second clock. Its newest entry is a lower bound of the time. The upper bound comes
/// from the monotonic clock alone, counted from the first reading that the newest entry did not
/// contradict.
#[derive(Debug, Default)]
pub struct FileClock {
    first: Option<Reading>,
    /// Set if the newest entry did not confirm the first reading.
    unconfirmed: Option<Unconfirmed>,
}

/// A clock that the file does not confirm: either the ledger was idle, or the clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    since: Instant,
    /// The clock minus the newest entry.
    pub ahead: TimeDelta,
}

impl Unconfirmed {
    /// Remaining time for which the clock must be steady.
    fn left(&self, now: Instant) -> Option<Duration> {
        let steady = now.saturating_duration_since(self.since);
        STEADY.checked_sub(steady).filter(|left| !left.is_zero())
    }
}

impl FileClock {
    /// This machine's clock minus the time that the file and the monotonic clock allow. `newest` is
    /// the newest entry.
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
                self.start(now, ahead.filter(|ahead| *ahead > limit));
            }
            return behind;
        };
        let step = now.step_since(first);
        if step > limit && now.uptime.is_none() {
            // The step may be a suspension: this system does not report its uptime.
            self.start(now, Some(step));
            return behind;
        }
        if step.abs() > behind.abs() {
            step
        } else {
            behind
        }
    }

    /// Why jobs must wait, and for how much longer; `None` if they may use this clock.
    pub fn jobs_wait(&self, now: Instant) -> Option<(Unconfirmed, Duration)> {
        let unconfirmed = self.unconfirmed?;
        unconfirmed.left(now).map(|left| (unconfirmed, left))
    }

    /// Why commands must wait, and for how much longer; `None` if they may use this clock.
    pub fn commands_wait(&self, now: Instant) -> Option<(Unconfirmed, Duration)> {
        self.jobs_wait(now)
            .filter(|(unconfirmed, _)| unconfirmed.ahead > LONG_PAUSE)
    }

    fn start(&mut self, now: &Reading, unconfirmed_by: Option<TimeDelta>) {
        self.first = Some(*now);
        self.unconfirmed = unconfirmed_by.map(|ahead| Unconfirmed {
            since: now.monotonic,
            ahead,
        });
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

    /// The reading after `passed` on the monotonic clock, with the time of day stepped by `step`.
    fn later(earlier: &Reading, passed: Duration, step: TimeDelta) -> Reading {
        Reading {
            time_of_day: earlier.time_of_day + passed + step,
            monotonic: earlier.monotonic + passed,
            uptime: earlier.uptime.map(|uptime| uptime + passed),
        }
    }

    #[test]
    fn clocks_that_may_have_agreed_during_the_read_do_not_differ() {
        let took = Duration::from_secs(10);
        for second in [90, 95, 100] {
            assert_eq!(
                difference_from(at(second), at(100), took),
                TimeDelta::zero()
            );
        }
        assert_eq!(
            difference_from(at(80), at(100), took),
            TimeDelta::seconds(10)
        );
        assert_eq!(
            difference_from(at(130), at(100), took),
            TimeDelta::seconds(-30)
        );
    }

    #[test]
    fn a_clock_behind_the_newest_entry_differs_until_it_is_set() {
        let mut file = FileClock::default();
        let now = reading(at(0));
        assert_eq!(file.difference(&now, Some(at(0) + DAY), LIMIT), -DAY);
        let set = later(&now, Duration::from_secs(1), DAY);
        assert_eq!(
            file.difference(&set, Some(at(0) + DAY), LIMIT),
            TimeDelta::zero()
        );
        assert_eq!(file.jobs_wait(set.monotonic), None);
    }

    #[test]
    fn a_step_in_either_direction_is_a_difference_until_it_is_reverted() {
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

    /// Remaining waiting times of jobs and of commands.
    fn waits(file: &FileClock, now: Instant) -> (Option<Duration>, Option<Duration>) {
        let left = |waits: Option<(Unconfirmed, Duration)>| waits.map(|(_, left)| left);
        (left(file.jobs_wait(now)), left(file.commands_wait(now)))
    }

    #[test]
    fn jobs_wait_for_a_steady_clock_after_a_pause_and_commands_after_a_long_one() {
        for (days, commands_wait) in [(1, false), (31, false), (32, true), (400, true)] {
            let mut file = FileClock::default();
            let now = reading(at(0) + DAY * days);
            assert_eq!(file.difference(&now, Some(at(0)), LIMIT), TimeDelta::zero());
            for (passed, left) in [
                (Duration::ZERO, Some(STEADY)),
                (MINUTE, Some(MINUTE * 4)),
                (STEADY, None),
            ] {
                let expected = (left, left.filter(|_| commands_wait));
                assert_eq!(
                    waits(&file, now.monotonic + passed),
                    expected,
                    "{days} days"
                );
            }
        }
    }

    #[test]
    fn an_empty_file_contradicts_no_clock() {
        let mut file = FileClock::default();
        let now = reading(at(0) + DAY * 400);
        file.difference(&now, None, LIMIT);
        assert_eq!(waits(&file, now.monotonic), (None, None));
    }

    #[test]
    fn a_jump_ahead_counts_as_a_suspension_if_the_uptime_is_unknown() {
        let mut file = FileClock::default();
        let now = Reading {
            uptime: None,
            ..reading(at(0))
        };
        file.difference(&now, None, LIMIT);
        let resumed = later(&now, Duration::from_secs(1), DAY);
        assert_eq!(file.difference(&resumed, None, LIMIT), TimeDelta::zero());
        assert_eq!(waits(&file, resumed.monotonic), (Some(STEADY), None));
        let behind = later(&resumed, Duration::from_secs(1), -DAY);
        assert_eq!(file.difference(&behind, None, LIMIT), -DAY);
    }
}
