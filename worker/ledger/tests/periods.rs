//! Months counted from an anchor, compared with a calendar that is walked day by day.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use ledger::{Event, Period, Rules, Subscription, SubscriptionState, SubscriptionStatus, period};
use proptest::prelude::*;

/// The same day of the `nth` month after `anchor`, or the last day of that month, found by walking
/// days.
fn walked(anchor: DateTime<Utc>, nth: u32) -> DateTime<Utc> {
    let mut day = anchor.date_naive().with_day(1).expect("a first day");
    for _ in 0..nth {
        let month = day.month();
        while day.month() == month {
            day = day.succ_opt().expect("a day");
        }
    }
    let (month, anchor_day) = (day.month(), anchor.day());
    let mut found = day;
    while day.month() == month && day.day() <= anchor_day {
        found = day;
        day = day.succ_opt().expect("a day");
    }
    found.and_time(anchor.time()).and_utc()
}

/// Anchors on days that some months do not have, at any time of the day.
fn anchors() -> impl Strategy<Value = DateTime<Utc>> {
    let midnight_or_not = prop_oneof![
        Just(0_i64),
        Just(1),
        Just(86_400_000_000 - 1),
        0..86_400_000_000_i64
    ];
    let day = (2024..2033, 1..=12_u32, 26..=31_u32)
        .prop_filter_map("a date", |(year, month, day)| {
            NaiveDate::from_ymd_opt(year, month, day)
        });
    (day, midnight_or_not).prop_map(|(day, micros)| {
        day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::microseconds(micros)
    })
}

proptest! {
    /// Conformance: Monthly grants: Period k starts at the anchor plus k months, limited to the
    /// last day of the month
    #[test]
    fn a_period_starts_on_the_anchors_day_or_the_months_last_one(
        anchor in anchors(),
        nth in 0..60_u32,
    ) {
        prop_assert_eq!(period::start(anchor, nth), walked(anchor, nth));
    }

    /// Conformance: Monthly grants: Period k starts at the anchor plus k months, limited to the
    /// last day of the month
    #[test]
    fn the_period_of_an_instant_contains_it(
        anchor in anchors(),
        micros in 0..150_000_000_000_000_i64,
    ) {
        let at = anchor + TimeDelta::microseconds(micros);
        let found = Period::containing(anchor, at);
        prop_assert!(found.start <= at && at < found.end, "{found:?} for {at}");
        let nth = (0..70).find(|nth| walked(anchor, *nth) == found.start);
        prop_assert!(nth.is_some(), "{found:?} starts off the anchor");
        prop_assert_eq!(found.end, walked(anchor, nth.expect("found") + 1));
    }

    /// Conformance: Monthly grants: The first period of a subscription contains its activation
    #[test]
    fn an_instant_before_the_anchor_belongs_to_the_first_period(
        anchor in anchors(),
        days in 0..400_u64,
    ) {
        let at = anchor - Days::new(days);
        prop_assert_eq!(Period::containing(anchor, at).start, anchor);
    }

    /// Conformance: Monthly grants: Every past period in [activation, end) is granted later if
    /// missed, also after a cancellation
    ///
    /// After months of downtime a single run finds the same periods as daily runs.
    #[test]
    fn catching_up_at_once_finds_the_same_periods_as_daily_runs(
        anchor in anchors(),
        activated in 0..500_i64,
        days in 0..500_i64,
        ended in proptest::option::of(0..600_i64),
    ) {
        let activated_at = anchor + TimeDelta::hours(activated * 24 + 7);
        let now = activated_at + TimeDelta::days(days);
        let ended_at = ended.map(|days| activated_at + TimeDelta::days(days));
        let ended_at = ended_at.filter(|end| *end > activated_at);
        let rules = Rules::default();
        let handled = |starts: &[DateTime<Utc>]| stored(anchor, activated_at, ended_at, starts);
        let at_once: Vec<_> = handled(&[])
            .due_periods(&rules, now)
            .into_iter()
            .map(|due| due.period.start)
            .collect();

        let mut daily = Vec::new();
        let mut today = activated_at;
        while today <= now {
            let due = handled(&daily).due_periods(&rules, today);
            daily.extend(due.into_iter().map(|due| due.period.start));
            today += TimeDelta::days(1);
        }
        prop_assert_eq!(&at_once, &daily);
        let end = ended_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let expected: Vec<_> = (0..100)
            .filter(|nth| walked(anchor, nth + 1) > activated_at)
            .map(|nth| walked(anchor, nth))
            .take_while(|start| *start <= now && *start < end)
            .collect();
        prop_assert_eq!(at_once, expected);
    }
}

/// A subscription that started and may have ended, with these periods handled.
fn stored(
    anchor: DateTime<Utc>,
    activated_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    handled: &[DateTime<Utc>],
) -> Subscription {
    let event = |at, status| Event {
        at,
        applied_at: at,
        status,
        plan: "pro".to_owned(),
        quantity: None,
        anchor: Some(anchor),
        paid_through: None,
    };
    let begun = event(activated_at, SubscriptionStatus::Active);
    let ended = ended_at.map(|at| event(at, SubscriptionStatus::Canceled));
    let events: Vec<_> = [begun].into_iter().chain(ended).collect();
    let last = &events[events.len() - 1];
    let state = SubscriptionState {
        plan: "pro".to_owned(),
        status: last.status,
        since: last.at,
        reported_at: last.at,
        activated_at: Some(activated_at),
        ended_at,
        paid_through: None,
        due_at: None,
    };
    let ids = ("s".to_owned(), "u".to_owned());
    Subscription::stored(
        ids,
        anchor,
        (state, None),
        events,
        handled.iter().copied().collect(),
    )
}
