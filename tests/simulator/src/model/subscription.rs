//! The timeline of a subscription, and its periods that are due.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::{At, message::Status, months, rulebook::Rulebook};

/// The time for which periods wait after a late event, so that other late events can arrive.
pub const ARRIVAL: TimeDelta = TimeDelta::minutes(15);
/// The maximum delay between an event and its arrival. An event with a longer delay is late.
pub const LATE: TimeDelta = TimeDelta::minutes(5);
/// The maximum time by which a payment provider's clock may be ahead.
pub const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The stored summary of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: String,
    /// The plan of the latest event.
    pub plan: String,
    /// The status of the latest event.
    pub status: Status,
    /// The instant since which the subscription has this status.
    pub status_since: At,
    /// The instant of the latest event.
    pub status_at: At,
    /// The instant from which months are counted.
    pub anchor: At,
    /// The start of the current or latest time in which the subscription runs.
    pub since: Option<At>,
    /// The end of that time, if the subscription is over or paused.
    pub ended: Option<At>,
    /// The instant up to which the subscription is paid.
    pub paid_through: Option<At>,
    /// The start of the first period that is not granted yet and is, or may become, due.
    pub due: Option<At>,
}

/// An event of a subscription.
#[derive(Clone, Debug)]
pub struct Event {
    pub plan: String,
    pub status: Status,
    /// The instant of the event.
    pub at: At,
    /// The instant at which the event was applied.
    pub known_at: At,
    /// The instant from which months are counted.
    pub anchor: Option<At>,
    /// The instant up to which the subscription is paid.
    pub paid_through: Option<At>,
}

impl Event {
    /// The rank among events of the same instant. The event with the higher rank counts as later.
    const fn weight(&self) -> u8 {
        match self.status {
            Status::Canceled | Status::Expired => 2,
            Status::Active => 1,
            Status::Trialing | Status::PastDue | Status::Paused => 0,
        }
    }

    const fn is_end(&self) -> bool {
        self.weight() == 2
    }
}

/// A span of time in which a subscription runs under one plan.
#[derive(Clone, Debug)]
struct Span {
    from: At,
    /// `None` if the span has no end yet.
    until: Option<At>,
    plan: String,
    /// Periods that start at this instant or later are not paid.
    paid_through: Option<At>,
}

impl Span {
    fn touches(&self, from: At, until: At) -> bool {
        self.from < until && self.until.is_none_or(|end| end > from)
    }
}

/// A period that must be granted.
#[derive(Clone, Debug)]
pub struct Period {
    /// The first instant of the period.
    pub start: At,
    /// The first instant of the next period.
    pub end: At,
    /// The plan that determines the credits.
    pub plan: String,
}

/// All events of a subscription, and its periods that were granted or skipped.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The summary after the last event or the last settled period.
    pub row: Subscription,
    /// The events in the order of their times.
    events: Vec<Event>,
    /// The starts of the periods that were granted or skipped.
    settled: BTreeSet<At>,
}

impl Timeline {
    /// The timeline of a new subscription with its first event.
    pub fn new(id: &str, event: Event, rules: &Rulebook) -> Self {
        let row = Subscription {
            id: id.to_owned(),
            plan: String::new(),
            status: event.status,
            status_since: event.at,
            status_at: event.at,
            anchor: event.at,
            since: None,
            ended: None,
            paid_through: None,
            due: None,
        };
        let mut timeline = Self {
            row,
            events: Vec::new(),
            settled: BTreeSet::new(),
        };
        timeline.add_event(event, rules);
        timeline
    }

    /// The timeline of the free plan, which the registration opens.
    pub fn free(user: &str, plan: &str, at: At, rules: &Rulebook) -> Self {
        let event = Event {
            plan: plan.to_owned(),
            status: Status::Active,
            at,
            known_at: at,
            anchor: Some(at),
            paid_through: None,
        };
        Self::new(&format!("free:{user}"), event, rules)
    }

    /// Whether this is the subscription of the free plan.
    pub fn is_free(&self) -> bool {
        self.row.id.starts_with("free:")
    }

    /// Whether a later event than this one is already known.
    pub fn has_later_event(&self, event: &Event) -> bool {
        let last = self.events.last().expect("an event");
        event.at < last.at || (event.at == last.at && event.weight() < last.weight())
    }

    /// Adds an event. Events may arrive in any order.
    pub fn add_event(&mut self, event: Event, rules: &Rulebook) {
        let mut index = self.events.len();
        while index > 0 {
            let other = &self.events[index - 1];
            if (other.at, other.weight()) <= (event.at, event.weight()) {
                break;
            }
            index -= 1;
        }
        self.events.insert(index, event);
        self.summarize(rules);
    }

    /// Marks a period as granted or skipped.
    pub fn settle(&mut self, start: At, rules: &Rulebook) {
        assert!(self.settled.insert(start), "{start} twice");
        self.summarize(rules);
    }

    /// The events that are in force for some time, each with its index and the instant of the next
    /// event.
    fn in_force(&self) -> Vec<(&Event, usize, Option<At>)> {
        let mut in_force = Vec::new();
        for (nth, event) in self.events.iter().enumerate() {
            let until = self.events.get(nth + 1).map(|next| next.at);
            if until != Some(event.at) {
                in_force.push((event, nth, until));
            }
        }
        in_force
    }

    /// The instant up to which periods are paid that run by the event with this index: the latest
    /// one that any event names between one end of the subscription and the next.
    fn paid_through(&self, index: usize) -> Option<At> {
        let mut latest = None;
        for (nth, event) in self.events.iter().enumerate() {
            latest = latest.max(event.paid_through);
            if event.is_end() {
                if nth >= index {
                    break;
                }
                latest = None;
            }
        }
        latest
    }

    /// The spans in which the subscription runs. With `potential` they also contain the time that
    /// would count if a payment that is late now arrived, or if the current trial were granted.
    fn spans(&self, rules: &Rulebook, potential: bool) -> Vec<Span> {
        let in_force = self.in_force();
        let last = in_force.last().map(|(event, ..)| event.status);
        let mut running: Vec<Span> = Vec::new();
        // The spans that count once they are paid.
        let mut owed: Vec<Span> = Vec::new();
        let mut has_run = false;
        let mut late_since: Option<At> = None;
        for (index, (event, nth, until)) in in_force.iter().enumerate() {
            let span = |from, until| Span {
                from,
                until,
                plan: event.plan.clone(),
                paid_through: self.paid_through(*nth),
            };
            let continues = in_force[index..]
                .iter()
                .all(|(later, ..)| later.status == event.status);
            let runs = match event.status {
                Status::Active => true,
                Status::Trialing => rules.trial_grants || (potential && continues),
                _ => false,
            };
            if runs {
                running.append(&mut owed);
                running.push(span(event.at, *until));
                has_run = true;
                late_since = None;
            } else if event.status == Status::PastDue {
                let since = *late_since.get_or_insert(event.at);
                let grace = since + rules.grace;
                let (middle, is_split) = if until.is_some_and(|until| until <= grace) {
                    (*until, false)
                } else {
                    (Some(event.at.max(grace)), true)
                };
                if has_run && middle.is_some_and(|middle| middle > event.at) {
                    running.push(span(event.at, middle));
                }
                if has_run && is_split {
                    owed.push(span(event.at.max(grace), *until));
                }
            } else {
                owed.clear();
                has_run = false;
                late_since = None;
            }
        }
        if potential && last == Some(Status::PastDue) {
            running.append(&mut owed);
        }
        running
    }

    /// Whether the subscription runs at an instant.
    pub fn runs_at(&self, at: At, rules: &Rulebook) -> bool {
        let running = self.spans(rules, false);
        running
            .iter()
            .any(|span| span.from <= at && span.until.is_none_or(|end| at < end))
    }

    /// The periods that are not settled and start at or before `until`.
    fn periods(&self, rules: &Rulebook, potential: bool, until: At) -> Vec<Period> {
        let running = self.spans(rules, potential);
        let anchor = self.row.anchor;
        let mut periods = Vec::new();
        let mut nth = u32::from(self.is_free());
        let mut start = months::start(anchor, nth);
        while start <= until {
            nth += 1;
            let end = months::start(anchor, nth);
            let brings = running.iter().find(|span| {
                span.touches(start, end) && span.paid_through.is_none_or(|paid| start < paid)
            });
            if let Some(span) = brings.filter(|_| !self.settled.contains(&start)) {
                let plan = span.plan.clone();
                periods.push(Period { start, end, plan });
            }
            start = end;
        }
        periods
    }

    /// An instant before which the next period starts, if there is one.
    fn horizon(&self, rules: &Rulebook) -> At {
        let mut latest = self.row.anchor;
        for at in self
            .settled
            .iter()
            .chain(self.events.iter().map(|event| &event.at))
        {
            latest = latest.max(*at);
        }
        latest + rules.grace + TimeDelta::days(62)
    }

    /// The instant from which the period with this start is granted. It may be later than the
    /// start, because events that contradict the grant may still be on their way.
    fn granted_from(&self, start: At) -> At {
        let mut from = start;
        for event in &self.events {
            if event.known_at > event.at + LATE && event.known_at >= start {
                from = from.max(event.known_at + ARRIVAL);
            }
        }
        let last = self.events.last().expect("an event");
        if start > last.at && start <= last.known_at && last.anchor != Some(start) {
            from = from.max(last.known_at + ARRIVAL);
        }
        from
    }

    /// The periods that start at or before `until` and must be granted at `now`, under any plan.
    pub fn due(&self, rules: &Rulebook, now: At, until: At) -> Vec<Period> {
        let mut due = self.periods(rules, false, until);
        due.retain(|period| period.start > now || self.granted_from(period.start) <= now);
        due
    }

    /// The instant from which a message grants the next period. A period that has begun under a
    /// disabled plan is left to the job.
    pub fn next_due(&self, rules: &Rulebook, now: At) -> Option<At> {
        let mut open = self.periods(
            rules,
            false,
            self.horizon(rules).max(now + TimeDelta::days(62)),
        );
        open.retain(|period| {
            period.start > now || rules.plan(&period.plan).is_some_and(|plan| plan.enabled)
        });
        open.iter()
            .map(|period| self.granted_from(period.start))
            .min()
    }

    fn summarize(&mut self, rules: &Rulebook) {
        // The anchor is fixed when the first period is settled. Until then it follows from all
        // known events.
        if self.settled.is_empty() {
            let named = self.events.iter().find_map(|event| event.anchor);
            self.row.anchor = named.unwrap_or(self.events[0].at);
        }
        let last = self.events.last().expect("an event");
        let mut status_since = last.at;
        for (event, ..) in self.in_force().into_iter().rev() {
            if event.status != last.status {
                break;
            }
            status_since = event.at;
        }
        let running = self.spans(rules, false);
        let (mut since, mut end) = (None, None);
        for span in &running {
            if since.is_none() || end != Some(span.from) {
                since = Some(span.from);
            }
            end = span.until;
        }
        let is_over = matches!(
            last.status,
            Status::Paused | Status::Canceled | Status::Expired
        );
        let due = self.periods(rules, true, self.horizon(rules));
        self.row = Subscription {
            plan: last.plan.clone(),
            status: last.status,
            status_since,
            status_at: last.at,
            since,
            ended: is_over.then(|| end.unwrap_or(status_since)),
            paid_through: self.paid_through(self.events.len() - 1),
            due: due.first().map(|period| period.start),
            ..self.row.clone()
        };
    }
}
