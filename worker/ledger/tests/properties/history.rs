//! The reported events of each subscription, and the periods that follow from them.
//!
//! It implements the documented rules in a different way than the ledger: each function examines
//! one instant and looks at all events again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Months, TimeDelta, Utc};
use ledger::{
    Rules, SubscriptionState,
    SubscriptionStatus::{self, Active, Canceled, Expired, PastDue, Paused, Trialing},
};

/// The resolution of instants.
const INSTANT: TimeDelta = TimeDelta::microseconds(1);

/// One event of a subscription.
#[derive(Clone, Debug)]
pub struct Report {
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The time at which it was applied.
    pub applied_at: DateTime<Utc>,
    pub status: SubscriptionStatus,
    pub plan: String,
    pub quantity: Option<i64>,
    pub anchor: Option<DateTime<Utc>>,
    pub paid_through: Option<DateTime<Utc>>,
}

/// A period that has to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Name of the plan that grants it.
    pub plan: String,
    /// How many of the plan's credits it brings.
    pub quantity: i64,
}

/// All events of a subscription in chronological order, and the periods that were handled.
#[derive(Clone, Debug)]
pub struct History {
    pub user: String,
    /// Whether it came with a registration.
    pub is_free: bool,
    events: Vec<Report>,
    handled: BTreeSet<DateTime<Utc>>,
    fixed_anchor: Option<DateTime<Utc>>,
}

/// The histories of all subscriptions by id.
pub type Histories = BTreeMap<String, History>;

/// The rank of an event among events of the same instant. The higher rank comes later.
fn rank(status: SubscriptionStatus) -> u8 {
    match status {
        Canceled | Expired => 2,
        Active => 1,
        Trialing | PastDue | Paused => 0,
    }
}

fn is_end(status: SubscriptionStatus) -> bool {
    rank(status) == 2
}

impl History {
    pub fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            is_free: false,
            events: Vec::new(),
            handled: BTreeSet::new(),
            fixed_anchor: None,
        }
    }

    /// The subscription that a registration opens. It runs from the registration on.
    pub fn free(user: &str, plan: &str, at: DateTime<Utc>) -> Self {
        let mut free = Self::new(user);
        free.is_free = true;
        free.report(Report {
            at,
            applied_at: at,
            status: Active,
            plan: plan.to_owned(),
            quantity: None,
            anchor: Some(at),
            paid_through: None,
        });
        free
    }

    /// Adds an event after those of the same instant and rank.
    pub fn report(&mut self, event: Report) {
        self.events.push(event);
        self.events
            .sort_by_key(|event| (event.at, rank(event.status)));
    }

    /// Whether an event that arrives now is not the last in chronological order.
    pub fn is_stale(&self, event: &Report) -> bool {
        let key = |event: &Report| (event.at, rank(event.status));
        self.events.iter().any(|known| key(known) > key(event))
    }

    /// Records that a period was granted, skipped or refused by the cap.
    pub fn handle(&mut self, start: DateTime<Utc>) {
        self.fixed_anchor = Some(self.anchor());
        assert!(self.handled.insert(start), "{start} is handled twice");
    }

    /// The instant from which its months are counted.
    pub fn anchor(&self) -> DateTime<Utc> {
        let named = self.events.iter().find_map(|event| event.anchor);
        self.fixed_anchor.or(named).unwrap_or(self.events[0].at)
    }

    /// The index of the event that is in force at an instant.
    fn index_in_force(&self, at: DateTime<Utc>) -> Option<usize> {
        self.events.iter().rposition(|event| event.at <= at)
    }

    fn in_force(&self, at: DateTime<Utc>) -> Option<&Report> {
        self.index_in_force(at).map(|index| &self.events[index])
    }

    /// Whether it runs at an instant.
    pub fn runs(&self, rules: &Rules, at: DateTime<Utc>) -> bool {
        match self.in_force(at).map(|event| event.status) {
            Some(Active) => true,
            Some(Trialing) => rules.trial_grants,
            Some(PastDue) => self.runs_past_due(rules, at),
            None | Some(Paused | Canceled | Expired) => false,
        }
    }

    /// Whether it runs at an instant at which `past_due` is in force.
    fn runs_past_due(&self, rules: &Rules, at: DateTime<Utc>) -> bool {
        let is_past_due = |at| {
            self.in_force(at)
                .is_some_and(|event| event.status == PastDue)
        };
        let mut last_before = at;
        while is_past_due(last_before) {
            let began = self
                .in_force(last_before)
                .map_or(last_before, |event| event.at);
            last_before = began - INSTANT;
        }
        let next = self
            .events
            .iter()
            .map(|event| event.at)
            .find(|later| *later > at && !is_past_due(*later));
        let is_paid_later = next.is_some_and(|later| self.runs(rules, later));
        let is_in_grace = at < last_before + INSTANT + rules.past_due_grace;
        self.runs(rules, last_before) && (is_in_grace || is_paid_later)
    }

    /// The instant up to which the term of the event with this index is paid. `None` means no
    /// limit. A term ends with `canceled` or `expired`.
    fn paid_through(&self, index: usize) -> Option<DateTime<Utc>> {
        let ended_before = self.events[..index]
            .iter()
            .rposition(|event| is_end(event.status));
        let first = ended_before.map_or(0, |end| end + 1);
        let ends = self.events[index..]
            .iter()
            .position(|event| is_end(event.status));
        let last = ends.map_or(self.events.len(), |end| index + end + 1);
        let named = self.events[first..last].iter();
        named.filter_map(|event| event.paid_through).max()
    }

    fn is_paid(&self, start: DateTime<Utc>, at: DateTime<Utc>) -> bool {
        self.index_in_force(at)
            .is_some_and(|index| self.paid_through(index).is_none_or(|end| start < end))
    }

    fn start(&self, nth: u32) -> DateTime<Utc> {
        let start = self.anchor().checked_add_months(Months::new(nth));
        start.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The period with this number, if it is or was to be granted.
    fn month(&self, rules: &Rules, nth: u32) -> Option<Month> {
        let (start, end) = (self.start(nth), self.start(nth + 1));
        let mut instants: Vec<_> = self.events.iter().map(|event| event.at).collect();
        instants.retain(|at| (start..end).contains(at));
        instants.insert(0, start);
        instants.retain(|at| self.runs(rules, *at) && self.is_paid(start, *at));
        let event = self.in_force(*instants.first()?)?;
        Some(Month {
            start,
            end,
            plan: event.plan.clone(),
            quantity: event.quantity.unwrap_or(1),
        })
    }

    /// The unhandled periods that start at or before `until`.
    fn open(&self, rules: &Rules, until: DateTime<Utc>) -> Vec<Month> {
        (u32::from(self.is_free)..u32::MAX)
            .take_while(|nth| self.start(*nth) <= until)
            .filter_map(|nth| self.month(rules, nth))
            .filter(|month| !self.handled.contains(&month.start))
            .collect()
    }

    /// The unhandled periods if no other event is reported, at least up to the first one after
    /// `now`.
    fn open_beyond(&self, rules: &Rules, now: DateTime<Utc>) -> Vec<Month> {
        let events = self.events.iter().map(|event| event.at);
        let latest = events.chain(self.handled.iter().copied()).max();
        let latest = latest.unwrap_or(now).max(self.anchor()).max(now);
        self.open(rules, latest + rules.past_due_grace + TimeDelta::days(62))
    }

    /// The time at which it is certain that a period with this start is granted. What happened
    /// between the time of the latest event and its arrival is known 15 minutes after its arrival.
    fn known_from(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        let is_late = |event: &&Report| event.applied_at - event.at > TimeDelta::minutes(5);
        let has_begun = |event: &&Report| start <= event.applied_at;
        let holds_back = |event: &&Report| {
            has_begun(event) && (is_late(event) || event.at < start && event.anchor != Some(start))
        };
        let late = self.events.iter().filter(is_late);
        let waits = late.chain(self.events.last()).filter(holds_back);
        let until = waits
            .map(|event| event.applied_at + TimeDelta::minutes(15))
            .max();
        until.map_or(start, |until| until.max(start))
    }

    /// The periods that start at or before `until` and have to be granted at `now`.
    pub fn due(&self, rules: &Rules, now: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Month> {
        let mut due = self.open(rules, until);
        due.retain(|month| month.start > now || self.known_from(month.start) <= now);
        due
    }

    /// The start of the first unhandled period.
    pub fn first_open(&self, rules: &Rules, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let open = self.open_beyond(rules, now);
        open.first().map(|month| month.start)
    }

    /// The time at which a command grants the next period, if no other event is reported. Periods
    /// that have started under a disabled plan are left to the job.
    pub fn next_due(&self, rules: &Rules, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_granted = |name: &str| rules.plans.get(name).is_some_and(|plan| plan.enabled);
        let mut open = self.open_beyond(rules, now);
        open.retain(|month| month.start > now || is_granted(&month.plan));
        let instants = open.iter().map(|month| self.known_from(month.start));
        instants.min()
    }

    /// The start of the latest event's status: the first event in the unbroken series of events
    /// with this status.
    fn since(&self, latest: &Report) -> DateTime<Utc> {
        let mut since = latest.at;
        while let Some(before) = self.in_force(since - INSTANT)
            && before.status == latest.status
        {
            since = before.at;
        }
        since
    }

    /// The contradiction between its row and its events, if any.
    pub fn contradicts(&self, anchor: DateTime<Utc>, row: &SubscriptionState) -> Option<String> {
        let last = self.events.last()?;
        let expected = (
            (self.anchor(), last.plan.as_str(), last.status),
            (
                self.since(last),
                last.at,
                self.paid_through(self.events.len() - 1),
            ),
        );
        let found = (
            (anchor, row.plan.as_str(), row.status),
            (row.since, row.reported_at, row.paid_through),
        );
        (expected != found).then(|| format!("expected {expected:?}, found {found:?}"))
    }
}
