//! Computes which run of a job is due.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// The newest date whose run time has passed at `now`. If this date has no run yet, its run is due.
/// The run catches up with everything that was missed, however long ago. Runs of other dates,
/// including later ones, do not matter.
pub fn newest(at: NaiveTime, now: DateTime<Utc>) -> NaiveDate {
    let today = now.date_naive();
    if now.time() >= at {
        today
    } else {
        today.checked_sub_days(Days::new(1)).unwrap_or(today)
    }
}

/// When the next run is due.
pub fn next(at: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let after = newest(at, now)
        .checked_add_days(Days::new(1))
        .unwrap_or(NaiveDate::MAX);
    after.and_time(at).and_utc()
}

/// The end of the span that a run for `date` covers: the end of that day, but never after `now`.
pub fn until(date: NaiveDate, now: DateTime<Utc>) -> DateTime<Utc> {
    let end = date
        .checked_add_days(Days::new(1))
        .unwrap_or(NaiveDate::MAX);
    end.and_time(NaiveTime::MIN).and_utc().min(now)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn time(hour: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, 0, 0).expect("a time")
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    /// Conformance: Scheduler and jobs: Each date of a job becomes due once, from the scheduled
    /// time on
    #[test]
    fn a_date_is_due_from_its_run_time_on() {
        let before = at("2028-02-29T00:59:59.999999Z");
        assert_eq!(Some(newest(time(1), before)), "2028-02-28".parse().ok());
        let then = at("2028-02-29T01:00:00Z");
        assert_eq!(Some(newest(time(1), then)), "2028-02-29".parse().ok());
        assert_eq!(next(time(1), then), at("2028-03-01T01:00:00Z"));
        assert_eq!(next(time(1), before), then);
    }

    /// Conformance: Scheduler and jobs: Each date of a job becomes due once, from the scheduled
    /// time on
    #[test]
    fn every_date_of_a_leap_year_is_due_in_order() {
        let mut due: Vec<NaiveDate> = Vec::new();
        let mut now = at("2028-01-01T04:00:00Z");
        while now < at("2029-01-01T00:00:00Z") {
            let date = newest(time(4), now);
            if due.last() != Some(&date) {
                due.push(date);
            }
            now += chrono::TimeDelta::minutes(17);
        }
        let first: NaiveDate = "2028-01-01".parse().expect("a date");
        let dates: Vec<NaiveDate> = first.iter_days().take(366).collect();
        assert_eq!(due, dates);
    }

    #[test]
    fn a_run_covers_its_date_but_not_the_future() {
        let date: NaiveDate = "2028-02-28".parse().expect("a date");
        assert_eq!(
            until(date, at("2028-03-02T00:30:00Z")),
            at("2028-02-29T00:00:00Z")
        );
        assert_eq!(
            until(date, at("2028-02-28T01:00:00Z")),
            at("2028-02-28T01:00:00Z")
        );
    }
}
