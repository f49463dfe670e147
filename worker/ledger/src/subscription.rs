//! Subscriptions of users, and which of their periods are due.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    command::Command,
    period::Period,
    rules::{Plan, Rules},
    status::{self, SubscriptionStatus},
    timeline::{Event, MAX_AHEAD, Outlook, Span, Timeline},
};

/// The prefix of the id of a registration's own subscription. No id of a payment provider has it.
const FREE: &str = "free:";

/// The row of a subscription: the summary of its events and grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Name of the plan in force.
    pub plan: String,
    /// The status of the latest event.
    pub status: SubscriptionStatus,
    /// The start of the current status: the first event in the unbroken series of events with this
    /// status.
    pub since: DateTime<Utc>,
    /// The time of the latest event.
    pub reported_at: DateTime<Utc>,
    /// The instant since which it runs, or the start of the last time that it ran. `None` if it
    /// never ran.
    pub activated_at: Option<DateTime<Utc>>,
    /// The instant at which it stopped, if `status` is `PAUSED`, `CANCELED` or `EXPIRED`.
    pub ended_at: Option<DateTime<Utc>>,
    /// No period of the current term that starts at or after this instant is granted. `None` means
    /// no limit.
    pub paid_through: Option<DateTime<Utc>>,
    /// The start of the earliest unhandled period that is or may become due.
    pub due_at: Option<DateTime<Utc>>,
}

/// A subscription of a user, with all its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The payment provider's id, or `free:` followed by the user's id.
    pub id: String,
    /// The user it belongs to.
    pub user_id: String,
    /// The instant from which its periods are counted.
    pub anchor: DateTime<Utc>,
    /// The content of its row.
    pub state: SubscriptionState,
    timeline: Timeline,
    /// Starts of the periods that were granted, skipped or refused by the cap.
    handled: BTreeSet<DateTime<Utc>>,
}

/// A period, and the plan that grants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePeriod {
    /// The period.
    pub period: Period,
    /// The plan in force at its start. If the subscription did not run or was not paid then, the
    /// plan at the activation within the period.
    pub plan: String,
    /// How many of the plan's credits it brings.
    pub quantity: i64,
}

/// The next grant that a user can expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextGrant {
    /// Credits.
    pub amount: i64,
    /// The start of its period. It is in the past if the grant is due.
    pub at: DateTime<Utc>,
    /// Name of the plan.
    pub plan: String,
}

/// The instant up to which an event grants periods. It may be slightly in the future, because the
/// clock of the provider may be ahead of the worker's.
pub(crate) fn due_until(command: &Command, now: DateTime<Utc>) -> DateTime<Utc> {
    let latest = now.checked_add_signed(MAX_AHEAD).unwrap_or(now);
    command
        .occurred_at
        .map_or(now, |at| at.min(latest).max(now))
}

impl Subscription {
    /// The subscription that a registration at `anchor` opens. Its first grant comes a month later.
    pub(crate) fn free(user_id: &str, plan: &str, anchor: DateTime<Utc>, rules: &Rules) -> Self {
        let event = Event {
            at: anchor,
            applied_at: anchor,
            status: SubscriptionStatus::Active,
            plan: plan.to_owned(),
            quantity: None,
            anchor: Some(anchor),
            paid_through: None,
        };
        Self::new(format!("{FREE}{user_id}"), user_id, event, rules)
    }

    /// A subscription whose first known event is `event`.
    pub(crate) fn new(id: String, user_id: &str, event: Event, rules: &Rules) -> Self {
        let mut subscription = Self {
            id,
            user_id: user_id.to_owned(),
            anchor: event.anchor.unwrap_or(event.at),
            state: SubscriptionState {
                plan: event.plan.clone(),
                status: event.status,
                since: event.at,
                reported_at: event.at,
                activated_at: None,
                ended_at: None,
                paid_through: event.paid_through,
                due_at: None,
            },
            timeline: Timeline::new(vec![event]),
            handled: BTreeSet::new(),
        };
        subscription.refresh(rules);
        subscription
    }

    /// Restores a subscription from its row, its events in order of arrival, and the starts of the
    /// periods that were handled.
    ///
    /// A subscription that came with a registration has no events. The second element of the state
    /// is the stored start of the current status. It is `None` in rows of earlier versions, and
    /// then it follows from the events.
    pub fn stored(
        (id, user_id): (String, String),
        anchor: DateTime<Utc>,
        (mut state, since): (SubscriptionState, Option<DateTime<Utc>>),
        mut events: Vec<Event>,
        handled: BTreeSet<DateTime<Utc>>,
    ) -> Self {
        if events.is_empty() {
            let at = state.activated_at.unwrap_or(state.since);
            events.push(Event {
                at,
                applied_at: at,
                status: state.status,
                plan: state.plan.clone(),
                quantity: None,
                anchor: Some(anchor),
                paid_through: state.paid_through,
            });
        }
        let timeline = Timeline::new(events);
        state.since = since.or_else(|| timeline.since()).unwrap_or(state.since);
        Self {
            id,
            user_id,
            anchor,
            state,
            timeline,
            handled,
        }
    }

    /// Whether it came with the registration. It is recognised by its id, so a new name of the plan
    /// does not matter.
    pub(crate) fn is_free(&self) -> bool {
        self.id.starts_with(FREE)
    }

    /// Its events in chronological order.
    pub fn events(&self) -> &[Event] {
        self.timeline.events()
    }

    /// The number of its events and handled periods. Every change adds one.
    pub(crate) fn history_len(&self) -> usize {
        self.events().len() + self.handled.len()
    }

    /// Whether a later event than `event` is known.
    pub(crate) fn is_stale(&self, event: &Event) -> bool {
        self.timeline.is_stale(event)
    }

    /// Adds an event. Events may arrive in any order.
    pub(crate) fn record(&mut self, event: Event, rules: &Rules) {
        self.timeline.insert(event);
        self.refresh(rules);
    }

    /// Records that a period was granted, skipped or refused by the cap.
    pub(crate) fn handle(&mut self, start: DateTime<Utc>, rules: &Rules) {
        self.handled.insert(start);
        self.refresh(rules);
    }

    /// The anchor and the row that follow from its events and grants under `rules`.
    pub fn derived(&self, rules: &Rules) -> (DateTime<Utc>, SubscriptionState) {
        let mut derived = self.clone();
        derived.refresh(rules);
        (derived.anchor, derived.state)
    }

    fn refresh(&mut self, rules: &Rules) {
        if let Some(anchor) = self.timeline.anchor().filter(|_| self.handled.is_empty()) {
            self.anchor = anchor;
        }
        let spans = self.timeline.spans(rules, Outlook::Decided);
        let last = spans.len().checked_sub(1);
        let first = last.map(|last| {
            let is_joined = |nth: &usize| spans[nth - 1].end == Some(spans[*nth].start);
            last - (1..=last).rev().take_while(is_joined).count()
        });
        let activated_at = first.map(|nth| spans[nth].start);
        let end = last.and_then(|nth| spans[nth].end);
        let due_at = self
            .periods(rules, Outlook::Possible)
            .find(|(period, _)| self.is_open(*period));
        let due_at = due_at.map(|(period, _)| period.start);
        let since = self.timeline.since();
        if let (Some(event), Some(since)) = (self.timeline.last(), since) {
            self.state = SubscriptionState {
                plan: event.plan.clone(),
                status: event.status,
                since,
                reported_at: event.at,
                activated_at,
                ended_at: status::is_over(event.status).then(|| end.unwrap_or(since)),
                paid_through: self.timeline.paid_through(),
                due_at,
            };
        }
    }

    /// Whether a period is not handled yet.
    fn is_open(&self, period: Period) -> bool {
        !self.handled.contains(&period.start)
    }

    /// All paid periods in which it runs, in order, each with the span that grants it. The iterator
    /// has no end while the subscription runs.
    fn periods(&self, rules: &Rules, outlook: Outlook) -> impl Iterator<Item = (Period, Span<'_>)> {
        let mut spans = self.timeline.spans(rules, outlook).into_iter();
        let mut current = None;
        // The registration bonus replaces the first period of the free subscription.
        let mut last = self.is_free().then_some(self.anchor);
        std::iter::from_fn(move || {
            loop {
                let (span, period) = if let Some(next) = current.take() {
                    next
                } else {
                    let span = spans.next()?;
                    (span, Period::containing(self.anchor, span.start))
                };
                let is_before =
                    |end: Option<DateTime<Utc>>| end.is_none_or(|end| period.start < end);
                let is_on_calendar = period.start < period.end;
                if !(is_before(span.end) && is_before(span.paid_through) && is_on_calendar) {
                    continue;
                }
                current = Some((span, Period::containing(self.anchor, period.end)));
                if last.is_none_or(|last| period.start > last) {
                    last = Some(period.start);
                    return Some((period, span));
                }
            }
        })
    }

    /// The periods that are due at `now`, in order.
    pub fn due_periods(&self, rules: &Rules, now: DateTime<Utc>) -> Vec<DuePeriod> {
        self.periods(rules, Outlook::Decided)
            .take_while(|(period, _)| period.start <= now)
            .filter(|(period, _)| self.is_open(*period))
            .filter(|(period, _)| self.due_from(*period) <= now)
            .map(|(period, span)| DuePeriod {
                period,
                plan: span.plan.to_owned(),
                quantity: span.quantity,
            })
            .collect()
    }

    /// The earliest instant at which a period can be granted if no event follows. It is in the past
    /// if a period is due.
    ///
    /// A period that has started under a disabled plan does not count.
    pub fn next_due_at(&self, rules: &Rules, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let open = self
            .periods(rules, Outlook::Decided)
            .filter(|(period, span)| {
                self.is_open(*period)
                    && (period.start > now || enabled_plan(span.plan, rules).is_some())
            });
        let mut next = None;
        for (period, _) in open {
            // A later period can be due first, while an earlier one waits.
            if next.is_some_and(|next| next <= period.start) {
                break;
            }
            next = next.into_iter().chain([self.due_from(period)]).min();
        }
        next
    }

    /// The instant from which a period can be granted.
    pub(crate) fn due_from(&self, period: Period) -> DateTime<Utc> {
        let waits_until = self.timeline.waits_until(period.start);
        waits_until.map_or(period.start, |until| until.max(period.start))
    }

    /// The earliest unhandled period that brings credits.
    fn next_grant(&self, rules: &Rules) -> Option<NextGrant> {
        let open = self
            .periods(rules, Outlook::Decided)
            .filter(|(period, _)| self.is_open(*period));
        for (period, span) in open {
            match enabled_plan(span.plan, rules).filter(|plan| plan.credits > 0) {
                Some(plan) => {
                    return Some(NextGrant {
                        amount: plan.credits_of(span.quantity),
                        at: period.start,
                        plan: span.plan.to_owned(),
                    });
                }
                // The last span has no end, so no other plan follows this one.
                None if span.end.is_none() => return None,
                None => {}
            }
        }
        None
    }

    /// Whether it runs at an instant.
    pub(crate) fn runs_at(&self, at: DateTime<Utc>, rules: &Rules) -> bool {
        let spans = self.timeline.spans(rules, Outlook::Decided);
        spans.iter().any(|span| span.contains(at))
    }
}

/// The plan with this name, if it exists and is enabled.
pub(crate) fn enabled_plan<'a>(name: &str, rules: &'a Rules) -> Option<&'a Plan> {
    rules.plans.get(name).filter(|plan| plan.enabled)
}

/// The earliest instant at which a period of any of these subscriptions can be granted if no event
/// follows.
pub fn next_due_at(
    subscriptions: &[Subscription],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    subscriptions
        .iter()
        .filter_map(|subscription| subscription.next_due_at(rules, now))
        .min()
}

/// Whether a subscription other than the one that came with the registration runs at an instant.
pub(crate) fn is_covered(subscriptions: &[Subscription], at: DateTime<Utc>, rules: &Rules) -> bool {
    subscriptions
        .iter()
        .any(|other| !other.is_free() && other.runs_at(at, rules))
}

/// Whether a subscription to a plan other than the free plan runs at `now`.
pub fn has_paid_plan(subscriptions: &[Subscription], rules: &Rules, now: DateTime<Utc>) -> bool {
    subscriptions.iter().any(|one| {
        !one.is_free()
            && rules.free_plan.as_ref() != Some(&one.state.plan)
            && one.runs_at(now, rules)
    })
}

/// The next grant that a user with these subscriptions can expect.
pub fn next_grant(
    subscriptions: &[Subscription],
    rules: &Rules,
    now: DateTime<Utc>,
) -> Option<NextGrant> {
    let covered = is_covered(subscriptions, now, rules);
    subscriptions
        .iter()
        .filter(|subscription| !(covered && subscription.is_free()))
        .filter_map(|subscription| subscription.next_grant(rules))
        .min_by_key(|grant| grant.at)
}
