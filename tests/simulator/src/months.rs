//! Months counted from an anchor, day by day.

use chrono::Datelike;

use super::At;

/// The start of the `nth` month after the anchor. It is on the anchor's day of the month, or on the
/// last day of a shorter month.
pub fn start(anchor: At, nth: u32) -> At {
    let mut first = anchor.date_naive();
    while first.day() != 1 {
        first = first.pred_opt().expect("a day before");
    }
    for _ in 0..nth {
        first = first.succ_opt().expect("a day after");
        while first.day() != 1 {
            first = first.succ_opt().expect("a day after");
        }
    }
    let mut day = first;
    while day.day() < anchor.day() {
        let next = day.succ_opt().expect("a day after");
        if next.day() == 1 {
            break;
        }
        day = next;
    }
    day.and_time(anchor.time()).and_utc()
}

/// The first start of a month after `at`.
pub fn after(anchor: At, at: At) -> At {
    let mut nth = 0;
    while start(anchor, nth) <= at {
        nth += 1;
    }
    start(anchor, nth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_short_month_does_not_change_the_day_of_later_months() {
        let anchor = at("2028-01-31T09:00:00Z");
        let starts: Vec<String> = (0..5).map(|nth| start(anchor, nth).to_rfc3339()).collect();
        assert_eq!(
            starts,
            [
                "2028-01-31T09:00:00+00:00",
                "2028-02-29T09:00:00+00:00",
                "2028-03-31T09:00:00+00:00",
                "2028-04-30T09:00:00+00:00",
                "2028-05-31T09:00:00+00:00",
            ]
        );
        assert_eq!(start(anchor, 13), at("2029-02-28T09:00:00Z"));
        assert_eq!(after(anchor, anchor), at("2028-02-29T09:00:00Z"));
    }
}
