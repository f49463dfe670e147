//! The events of a subscription in the order of time, and when the subscription runs by them.
//!
//! What is granted follows from all events together, so the order in which they arrive does not matter.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{rules::Rules, subscription::SubscriptionStatus};

/// How far a provider's clock may be ahead of the worker's.
pub(crate) const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// How long events that come late may come one after the other.
const ARRIVAL: TimeDelta = TimeDelta::minutes(15);

/// An event that is applied later than this after it happened is late. Others that are about the same time or an earlier one
/// may still be on their way.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(5);

/// What the payment provider reported at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened, and not later than when a worker received it.
    pub at: DateTime<Utc>,
    /// When it was applied; what happened since `at` was not known before.
    pub applied_at: DateTime<Utc>,
    /// The status from then on.
    pub status: SubscriptionStatus,
    /// Name of the plan from then on.
    pub plan: String,
    /// From where months are counted, if the event names it.
    pub anchor: Option<DateTime<Utc>>,
    /// Up to where it is paid, if the event names it.
    pub paid_through: Option<DateTime<Utc>>,
}

/// Where an event stands in the order of time: its instant, and its rank among events of that instant.
type Key = (DateTime<Utc>, u8);

impl Event {
    fn is_late(&self) -> bool {
        self.applied_at - self.at > LATE_AFTER
    }

    /// The order of time; at the same instant an end comes last and `active` before it.
    fn key(&self) -> Key {
        let rank = match self.status {
            SubscriptionStatus::Canceled | SubscriptionStatus::Expired => 2,
            SubscriptionStatus::Active => 1,
            SubscriptionStatus::Trialing | SubscriptionStatus::PastDue | SubscriptionStatus::Paused => 0,
        };
        (self.at, rank)
    }
}

/// How the last event is read while nothing has followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// By the rules of today.
    Decided,
    /// As if what waits will be granted: a payment that is late will come, a trial will be granted by a change of the
    /// configuration.
    Possible,
}

/// A time in which one event is in force and the subscription runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it; absent while it goes on.
    pub end: Option<DateTime<Utc>>,
    /// Name of the plan.
    pub plan: &'a str,
    /// No period that starts at or after this is granted.
    pub paid_through: Option<DateTime<Utc>>,
}

impl Span<'_> {
    /// Whether it contains an instant.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

/// All events of a subscription, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    events: Vec<Event>,
}

impl Timeline {
    /// The timeline of these events, given in the order in which they arrived.
    pub fn new(events: Vec<Event>) -> Self {
        let mut timeline = Self { events };
        timeline.events.sort_by_key(Event::key);
        timeline
    }

    /// The events in the order of time.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The latest event.
    pub fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// Puts an event into its place: after those of the same instant and rank.
    pub fn insert(&mut self, event: Event) {
        let place = self.events.partition_point(|other| other.key() <= event.key());
        self.events.insert(place, event);
    }

    /// Whether something later is known than what an event says.
    pub fn is_stale(&self, event: &Event) -> bool {
        self.last().is_some_and(|last| event.key() < last.key())
    }

    /// Since when the latest event's status has been in force without another one in between.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        let status = self.last()?.status;
        let in_force: Vec<_> = self.in_force().collect();
        let same = in_force.iter().rev().take_while(|event| event.status == status);
        same.last().map(|event| event.at)
    }

    /// The events that are in force for some time: of those of one instant the last.
    fn in_force(&self) -> impl Iterator<Item = &Event> {
        let next = self.events.iter().skip(1).map(Some).chain([None]);
        let both = self.events.iter().zip(next);
        both.filter(|(event, next)| next.is_none_or(|next| event.at < next.at))
            .map(|(event, _)| event)
    }

    /// Until when a period waits for events that may be on their way; absent where nothing is waited for.
    ///
    /// Events that come late come together, in any order. So a period that has started when one of them is applied waits until
    /// the others have arrived, too: they may change its plan, its anchor, or whether it is granted at all.
    pub fn waits_until(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let late = self
            .events
            .iter()
            .filter(|event| event.is_late() && start <= event.applied_at)
            .filter_map(|event| event.applied_at.checked_add_signed(ARRIVAL))
            .max();
        late.max(self.waits_for_what_followed(start))
    }

    /// The same for a period that started between the latest event and its arrival, however soon that was: what happened in
    /// that time is not known yet. An event that names the period as its anchor brings it.
    fn waits_for_what_followed(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.last()?;
        let is_between = last.at < start && start <= last.applied_at && last.anchor != Some(start);
        is_between
            .then(|| last.applied_at.checked_add_signed(ARRIVAL))
            .flatten()
    }

    /// From where periods are counted: the earliest event that names an anchor, else the earliest event.
    pub fn anchor(&self) -> Option<DateTime<Utc>> {
        let named = self.events.iter().find_map(|event| event.anchor);
        named.or_else(|| self.events.first().map(|event| event.at))
    }

    /// Up to where it is paid since it was last canceled or expired; absent while no event named it.
    pub fn paid_through(&self) -> Option<DateTime<Utc>> {
        self.terms()
            .next_back()?
            .iter()
            .filter_map(|event| event.paid_through)
            .max()
    }

    /// The times in which the subscription runs, in order, cut where another event comes into force.
    pub fn spans(&self, rules: &Rules, outlook: Outlook) -> Vec<Span<'_>> {
        let events: Vec<&Event> = self.in_force().collect();
        let mut terms = self.terms_paid().into_iter().peekable();
        let mut spans = Vec::new();
        let mut ran_before = false;
        let mut nth = 0;
        while let Some(first) = events.get(nth) {
            let same = events[nth..]
                .iter()
                .take_while(|event| event.status == first.status);
            let behind = nth + same.count();
            let next = events.get(behind).map(|next| next.status);
            let until = runs_until(first, ran_before, next, (rules, outlook));
            for (event, next) in (nth..behind).map(|nth| (events[nth], events.get(nth + 1))) {
                let Some(until) = until else { break };
                // Events are in the order of time, and so are the terms.
                while terms.next_if(|(last, _)| *last < event.key()).is_some() {}
                let paid_through = terms.peek().and_then(|(_, paid_through)| *paid_through);
                let end = next.map_or(until, |next| next.at.min(until));
                if event.at < end {
                    spans.push(Span {
                        start: event.at,
                        end: (end < DateTime::<Utc>::MAX_UTC).then_some(end),
                        plan: &event.plan,
                        paid_through,
                    });
                }
            }
            ran_before = until.is_some();
            nth = behind;
        }
        spans
    }

    /// The last event of each term, and up to where the term is paid; absent while no event of the term named it.
    fn terms_paid(&self) -> Vec<(Key, Option<DateTime<Utc>>)> {
        let paid = |term: &[Event]| term.iter().filter_map(|event| event.paid_through).max();
        let terms = self.terms();
        terms
            .filter_map(|term| Some((term.last()?.key(), paid(term))))
            .collect()
    }

    /// The events up to each `canceled` or `expired`, and those after the last one.
    fn terms(&self) -> impl DoubleEndedIterator<Item = &[Event]> {
        self.events.split_inclusive(|event| {
            matches!(
                event.status,
                SubscriptionStatus::Canceled | SubscriptionStatus::Expired
            )
        })
    }
}

/// Up to where a subscription runs by events of one status, the first of which is `first` and which `next` follows; absent if it does
/// not run by them.
fn runs_until(
    first: &Event,
    ran_before: bool,
    next: Option<SubscriptionStatus>,
    (rules, outlook): (&Rules, Outlook),
) -> Option<DateTime<Utc>> {
    let is_possible = outlook == Outlook::Possible && next.is_none();
    match first.status {
        SubscriptionStatus::Active => Some(DateTime::<Utc>::MAX_UTC),
        SubscriptionStatus::Trialing if rules.trial_grants || is_possible => Some(DateTime::<Utc>::MAX_UTC),
        SubscriptionStatus::PastDue if ran_before => {
            let is_paid = is_possible || next.is_some_and(|next| next.runs(rules));
            let grace = if is_paid {
                TimeDelta::MAX
            } else {
                rules.past_due_grace
            };
            let until = first.at.checked_add_signed(grace);
            Some(until.unwrap_or(DateTime::<Utc>::MAX_UTC))
        }
        _ => None,
    }
}
