//! The timeline of a subscription: its events in chronological order, and the spans in which it
//! runs.
//!
//! All events together decide what is granted, so the order of their arrival does not matter.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    rules::Rules,
    status::{self, SubscriptionStatus},
};

/// The maximum lead of a payment provider's clock over the worker's.
pub(crate) const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The time within which late events follow each other.
const ARRIVAL: TimeDelta = TimeDelta::minutes(15);

/// An event is late if it is applied more than this after it happened. After a late event, others
/// of about the same time or earlier may still be on their way.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(5);

/// A change of a subscription at one instant, as the payment provider reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time of the event, at most the time at which a worker received it.
    pub at: DateTime<Utc>,
    /// The time at which it was applied. Events between `at` and this time may not be known yet.
    pub applied_at: DateTime<Utc>,
    /// The status from this event on.
    pub status: SubscriptionStatus,
    /// Name of the plan from this event on.
    pub plan: String,
    /// How many of the plan's credits a period brings from this event on. `None` means one.
    pub quantity: Option<i64>,
    /// The instant from which months are counted, if the event names it.
    pub anchor: Option<DateTime<Utc>>,
    /// The instant up to which the subscription is paid, if the event names it.
    pub paid_through: Option<DateTime<Utc>>,
}

/// The sort key of an event: its instant, and its rank among events of the same instant.
type Key = (DateTime<Utc>, u8);

impl Event {
    fn is_late(&self) -> bool {
        self.applied_at - self.at > LATE_AFTER
    }

    /// The chronological order. At the same instant an end comes last, and `active` comes before
    /// it.
    fn key(&self) -> Key {
        let rank = match self.status {
            SubscriptionStatus::Canceled | SubscriptionStatus::Expired => 2,
            SubscriptionStatus::Active => 1,
            SubscriptionStatus::Trialing
            | SubscriptionStatus::PastDue
            | SubscriptionStatus::Paused => 0,
        };
        (self.at, rank)
    }
}

/// The interpretation of the last event, while no other event follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// The current rules apply.
    Decided,
    /// Everything that waits is assumed to be granted: an overdue payment arrives, and a change of
    /// the configuration grants a trial.
    Possible,
}

/// A time in which one event is in force and the subscription runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    /// Its first instant.
    pub start: DateTime<Utc>,
    /// The first instant after it. `None` if it has no end yet.
    pub end: Option<DateTime<Utc>>,
    /// Name of the plan.
    pub plan: &'a str,
    /// How many of the plan's credits a period brings.
    pub quantity: i64,
    /// No period that starts at or after this instant is granted. `None` means no limit.
    pub paid_through: Option<DateTime<Utc>>,
}

impl Span<'_> {
    /// Whether it contains an instant.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

/// All events of a subscription, in chronological order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    events: Vec<Event>,
}

impl Timeline {
    /// Builds the timeline from events in order of arrival.
    pub fn new(events: Vec<Event>) -> Self {
        let mut timeline = Self { events };
        timeline.events.sort_by_key(Event::key);
        timeline
    }

    /// The events in chronological order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The latest event.
    pub fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// Inserts an event after those of the same instant and rank.
    pub fn insert(&mut self, event: Event) {
        let position = self
            .events
            .partition_point(|other| other.key() <= event.key());
        self.events.insert(position, event);
    }

    /// Whether a later event than `event` is known.
    pub fn is_stale(&self, event: &Event) -> bool {
        self.last().is_some_and(|last| event.key() < last.key())
    }

    /// The start of the current status: the first event in the unbroken series of events with this
    /// status.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        let status = self.last()?.status;
        let in_force: Vec<_> = self.in_force().collect();
        let same = in_force
            .iter()
            .rev()
            .take_while(|event| event.status == status);
        same.last().map(|event| event.at)
    }

    /// The events that come into force: the last one of each instant.
    fn in_force(&self) -> impl Iterator<Item = &Event> {
        let next = self.events.iter().skip(1).map(Some).chain([None]);
        let both = self.events.iter().zip(next);
        both.filter(|(event, next)| next.is_none_or(|next| event.at < next.at))
            .map(|(event, _)| event)
    }

    /// The instant until which a period waits for late events. `None` if it does not wait.
    ///
    /// Late events come together, in any order. So a period that has started when a late event is
    /// applied waits until the others have arrived, too: they may change its plan, its anchor, or
    /// whether it is granted at all.
    pub fn waits_until(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let late = self
            .events
            .iter()
            .filter(|event| event.is_late() && start <= event.applied_at)
            .filter_map(|event| event.applied_at.checked_add_signed(ARRIVAL))
            .max();
        late.max(self.waits_for_unseen_events(start))
    }

    /// The instant until which a period waits that started between the latest event and its
    /// arrival, however short that time was. What happened in that time is not known yet. The
    /// period does not wait if the event names its start as the anchor, because then the event
    /// itself grants it.
    fn waits_for_unseen_events(&self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.last()?;
        let is_between = last.at < start && start <= last.applied_at && last.anchor != Some(start);
        is_between
            .then(|| last.applied_at.checked_add_signed(ARRIVAL))
            .flatten()
    }

    /// The instant from which periods are counted: the anchor of the earliest event that names one,
    /// else the instant of the earliest event.
    pub fn anchor(&self) -> Option<DateTime<Utc>> {
        let named = self.events.iter().find_map(|event| event.anchor);
        named.or_else(|| self.events.first().map(|event| event.at))
    }

    /// The instant up to which it is paid, by the events since it was last canceled or expired.
    /// `None` if no such event names it.
    pub fn paid_through(&self) -> Option<DateTime<Utc>> {
        self.terms()
            .next_back()?
            .iter()
            .filter_map(|event| event.paid_through)
            .max()
    }

    /// The spans in which the subscription runs, in order. A new span starts where another event
    /// comes into force.
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
                // Both events and terms are in chronological order.
                while terms.next_if(|(last, _)| *last < event.key()).is_some() {}
                let paid_through = terms.peek().and_then(|(_, paid_through)| *paid_through);
                let end = next.map_or(until, |next| next.at.min(until));
                if event.at < end {
                    spans.push(Span {
                        start: event.at,
                        end: (end < DateTime::<Utc>::MAX_UTC).then_some(end),
                        plan: &event.plan,
                        quantity: event.quantity.unwrap_or(1),
                        paid_through,
                    });
                }
            }
            ran_before = until.is_some();
            nth = behind;
        }
        spans
    }

    /// The key of the last event of each term, and the instant up to which the term is paid. The
    /// instant is `None` if no event of the term names it.
    fn terms_paid(&self) -> Vec<(Key, Option<DateTime<Utc>>)> {
        let paid = |term: &[Event]| term.iter().filter_map(|event| event.paid_through).max();
        let terms = self.terms();
        terms
            .filter_map(|term| Some((term.last()?.key(), paid(term))))
            .collect()
    }

    /// The terms: the events up to each `canceled` or `expired`, and the events after the last one.
    fn terms(&self) -> impl DoubleEndedIterator<Item = &[Event]> {
        self.events.split_inclusive(|event| {
            matches!(
                event.status,
                SubscriptionStatus::Canceled | SubscriptionStatus::Expired
            )
        })
    }
}

/// The end of the time for which a subscription runs by a series of events with one status. `None`
/// if it does not run by them.
///
/// `first` is the first event of the series, and `next` is the status of the event after it.
fn runs_until(
    first: &Event,
    ran_before: bool,
    next: Option<SubscriptionStatus>,
    (rules, outlook): (&Rules, Outlook),
) -> Option<DateTime<Utc>> {
    let is_possible = outlook == Outlook::Possible && next.is_none();
    match first.status {
        SubscriptionStatus::Active => Some(DateTime::<Utc>::MAX_UTC),
        SubscriptionStatus::Trialing if rules.trial_grants || is_possible => {
            Some(DateTime::<Utc>::MAX_UTC)
        }
        SubscriptionStatus::PastDue if ran_before => {
            let is_paid = is_possible || next.is_some_and(|next| status::runs(next, rules));
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
