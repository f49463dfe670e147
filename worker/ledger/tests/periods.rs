//! Months counted from an anchor, against a calendar walked month by month.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use ledger::{Period, Subscription, SubscriptionStatus, period};
use proptest::prelude::*;

/// The same day of the `nth` month after `anchor`, or that month's last day; found by walking days.
fn walked(anchor: DateTime<Utc>, nth: u32) -> DateTime<Utc> {
    let mut day = anchor.date_naive().with_day(1).expect("a first day");
    for _ in 0..nth {
        let month = day.month();
        while day.month() == month {
            day = day.succ_opt().expect("a day");
        }
    }
    let (month, wanted) = (day.month(), anchor.day());
    let mut found = day;
    while day.month() == month && day.day() <= wanted {
        found = day;
        day = day.succ_opt().expect("a day");
    }
    found.and_time(anchor.time()).and_utc()
}

/// Anchors on the days that some months do not have, at every time of the day.
fn anchors() -> impl Strategy<Value = DateTime<Utc>> {
    let midnight_or_not = prop_oneof![
        Just(0_i64),
        Just(1),
        Just(86_400_000_000 - 1),
        0..86_400_000_000_i64
    ];
    let day = (2024..2033, 1..=12_u32, 26..=31_u32).prop_filter_map("a date", |(year, month, day)| {
        NaiveDate::from_ymd_opt(year, month, day)
    });
    (day, midnight_or_not).prop_map(|(day, micros)| {
        day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::microseconds(micros)
    })
}

proptest! {
    #[test]
    fn a_period_starts_on_the_anchors_day_or_the_months_last_one(anchor in anchors(), nth in 0..60_u32) {
        prop_assert_eq!(period::start(anchor, nth), walked(anchor, nth));
    }

    #[test]
    fn the_period_of_an_instant_contains_it(anchor in anchors(), micros in 0..150_000_000_000_000_i64) {
        let at = anchor + TimeDelta::microseconds(micros);
        let found = Period::containing(anchor, at);
        prop_assert!(found.start <= at && at < found.end, "{found:?} for {at}");
        let nth = (0..70).find(|nth| walked(anchor, *nth) == found.start);
        prop_assert!(nth.is_some(), "{found:?} starts off the anchor");
        prop_assert_eq!(found.end, walked(anchor, nth.expect("found") + 1));
    }

    #[test]
    fn what_comes_before_the_anchor_belongs_to_the_first_period(anchor in anchors(), days in 0..400_u64) {
        let at = anchor - Days::new(days);
        prop_assert_eq!(Period::containing(anchor, at).start, anchor);
    }

    /// After months of downtime one look finds what daily looks would have found.
    #[test]
    fn catching_up_at_once_finds_what_looking_every_day_finds(
        anchor in anchors(),
        activated in 0..500_i64,
        days in 0..500_i64,
        ended in proptest::option::of(0..600_i64),
    ) {
        let activated_at = anchor + TimeDelta::hours(activated * 24 + 7);
        let now = activated_at + TimeDelta::days(days);
        let subscription = Subscription {
            id: "s".to_owned(),
            user_id: "u".to_owned(),
            plan: "pro".to_owned(),
            status: if ended.is_some() { SubscriptionStatus::Canceled } else { SubscriptionStatus::Active },
            anchor,
            activated_at: Some(activated_at),
            ended_at: ended.map(|days| activated_at + TimeDelta::days(days)),
            paid_through: None,
            next_period_start: Some(Period::containing(anchor, activated_at).start),
            status_at: activated_at,
            dirty: false,
        };
        let rules = ledger::Rules::default();
        let at_once = subscription.due_periods(&rules, now, usize::MAX);

        let mut daily = Vec::new();
        let mut walking = subscription.clone();
        let mut today = activated_at;
        while today <= now {
            while let Some(period) = walking.next_due(&rules, today) {
                walking.next_period_start = Some(period.end);
                daily.push(period);
            }
            today += TimeDelta::days(1);
        }
        prop_assert_eq!(&at_once, &daily);
        let end = subscription.ended_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let expected: Vec<_> = (0..100)
            .map(|nth| walked(anchor, nth))
            .skip_while(|start| Some(*start) < subscription.next_period_start)
            .take_while(|start| *start <= now && *start < end)
            .collect();
        let starts: Vec<_> = at_once.iter().map(|period| period.start).collect();
        prop_assert_eq!(starts, expected);
    }
}
