//! Which run of a job is due.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// The newest date whose time has come at `now`. If there is no run for it yet, it is due, and catches up with everything
/// that was missed, however long it was. Runs for other dates, later ones too, have no say in it.
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

/// Up to which instant a run for `date` looks: the end of that day, but never after now.
pub fn until(date: NaiveDate, now: DateTime<Utc>) -> DateTime<Utc> {
    let end = date.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
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

    #[test]
    fn a_date_has_come_from_its_time_on() {
        let before = at("2028-02-29T00:59:59.999999Z");
        assert_eq!(Some(newest(time(1), before)), "2028-02-28".parse().ok());
        let then = at("2028-02-29T01:00:00Z");
        assert_eq!(Some(newest(time(1), then)), "2028-02-29".parse().ok());
        assert_eq!(next(time(1), then), at("2028-03-01T01:00:00Z"));
        assert_eq!(next(time(1), before), then);
    }

    #[test]
    fn every_date_of_a_leap_year_comes_in_its_turn() {
        let mut came: Vec<NaiveDate> = Vec::new();
        let mut now = at("2028-01-01T04:00:00Z");
        while now < at("2029-01-01T00:00:00Z") {
            let date = newest(time(4), now);
            if came.last() != Some(&date) {
                came.push(date);
            }
            now += chrono::TimeDelta::minutes(17);
        }
        let first: NaiveDate = "2028-01-01".parse().expect("a date");
        let dates: Vec<NaiveDate> = first.iter_days().take(366).collect();
        assert_eq!(came, dates);
    }

    #[test]
    fn a_run_looks_up_to_the_end_of_its_date_and_not_beyond_now() {
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
