//! Subscriptions: what a user is subscribed to, which of its periods are due, and what events do to it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    period::Period,
    rules::{Plan, Rules},
};

/// How far an event may lie in the future; what lies further is taken for this.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// What the id of a registration's own subscription begins with. No payment provider's does.
const FREE: &str = "free:";

/// What the payment provider says of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionStatus {
    /// It runs.
    Active,
    /// It runs and nothing is paid yet.
    Trialing,
    /// A payment is late.
    PastDue,
    /// It rests.
    Paused,
    /// It was ended.
    Canceled,
    /// It came to its end.
    Expired,
}

impl SubscriptionStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Trialing,
        Self::PastDue,
        Self::Paused,
        Self::Canceled,
        Self::Expired,
    ];

    /// The name on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Trialing => "TRIALING",
            Self::PastDue => "PAST_DUE",
            Self::Paused => "PAUSED",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The status of a name as the database holds it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether a subscription that says so is granted.
    const fn runs(self, rules: &Rules) -> bool {
        match self {
            Self::Active => true,
            Self::Trialing => rules.trial_grants,
            Self::PastDue | Self::Paused | Self::Canceled | Self::Expired => false,
        }
    }

    /// Whether nothing that starts later is granted.
    const fn is_over(self) -> bool {
        matches!(self, Self::Paused | Self::Canceled | Self::Expired)
    }

    /// Of two events of the same instant the one with the higher rank is the later.
    const fn rank(self) -> u8 {
        match self {
            Self::Canceled | Self::Expired => 2,
            Self::Active => 1,
            Self::Trialing | Self::PastDue | Self::Paused => 0,
        }
    }
}

/// What a user is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The payment provider's id, or `free:` and the user.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// Name of the plan.
    pub plan: String,
    /// What was said of it last.
    pub status: SubscriptionStatus,
    /// From where its periods are counted.
    pub anchor: DateTime<Utc>,
    /// Since when it runs, or ran last. The first period is the one that contains this.
    pub activated_at: Option<DateTime<Utc>>,
    /// No period that starts at or after this is granted.
    pub ended_at: Option<DateTime<Utc>>,
    /// No period that starts at or after this is granted yet.
    pub paid_through: Option<DateTime<Utc>>,
    /// Start of the next period that is still to be handled.
    pub next_period_start: Option<DateTime<Utc>>,
    /// When what `status` says happened.
    pub status_at: DateTime<Utc>,
    /// Whether it differs from its row.
    pub dirty: bool,
}

/// The next grant that a user can expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextGrant {
    /// Credits.
    pub amount: i64,
    /// When its period starts; in the past if the grant is due.
    pub at: DateTime<Utc>,
    /// Name of the plan.
    pub plan: String,
}

/// What the payment provider said.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub id: &'a str,
    pub plan: &'a str,
    pub status: SubscriptionStatus,
    pub anchor: Option<DateTime<Utc>>,
    pub paid_through: Option<DateTime<Utc>>,
    pub at: DateTime<Utc>,
}

impl Event<'_> {
    /// When it happened: as the message says, which is not clamped to the past and hardly to the future.
    pub fn instant(occurred_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
        let latest = now.checked_add_signed(MAX_AHEAD).unwrap_or(now);
        occurred_at.unwrap_or(now).min(latest)
    }
}

impl Subscription {
    /// The subscription that a registration at `anchor` opens: the first grant comes after a month.
    pub(crate) fn free(user_id: &str, plan: &str, anchor: DateTime<Utc>) -> Self {
        Self {
            id: format!("{FREE}{user_id}"),
            user_id: user_id.to_owned(),
            plan: plan.to_owned(),
            status: SubscriptionStatus::Active,
            anchor,
            activated_at: Some(anchor),
            ended_at: None,
            paid_through: None,
            next_period_start: Some(Period::containing(anchor, anchor).end),
            status_at: anchor,
            dirty: true,
        }
    }

    /// Whether it is the one that came with the registration, whatever its plan is called today.
    pub(crate) fn is_free(&self) -> bool {
        self.id.starts_with(FREE)
    }

    /// One that was never heard of before `event`.
    pub(crate) fn unheard_of(user_id: &str, event: &Event<'_>) -> Self {
        Self {
            id: event.id.to_owned(),
            user_id: user_id.to_owned(),
            plan: event.plan.to_owned(),
            status: event.status,
            anchor: event.anchor.unwrap_or(event.at),
            activated_at: None,
            ended_at: None,
            paid_through: None,
            next_period_start: None,
            status_at: DateTime::<Utc>::MIN_UTC,
            dirty: true,
        }
    }

    /// When somebody has to look at it next: at the start of its next period, as far as it is known to be paid and
    /// not over. Whether that period is granted is for [`Self::next_due`] to say.
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let before = |end: Option<DateTime<Utc>>, start| end.is_none_or(|end| start < end);
        self.next_period_start
            .filter(|start| before(self.ended_at, *start) && before(self.paid_through, *start))
    }

    /// The next period that is to be granted by `now`.
    pub fn next_due(&self, rules: &Rules, now: DateTime<Utc>) -> Option<Period> {
        let start = self.due_at().filter(|start| *start <= now)?;
        self.is_granted(start, rules)
            .then(|| Period::containing(self.anchor, start))
    }

    /// All periods that are to be granted by `now`, in order, at most `limit`.
    pub fn due_periods(&self, rules: &Rules, now: DateTime<Utc>, limit: usize) -> Vec<Period> {
        let mut ahead = self.clone();
        let mut periods = Vec::new();
        while let Some(period) = ahead.next_due(rules, now).filter(|_| periods.len() < limit) {
            ahead.next_period_start = Some(period.end);
            periods.push(period);
        }
        periods
    }

    /// Whether it covers an instant: the free plan is not granted then.
    pub(crate) fn covers(&self, at: DateTime<Utc>, rules: &Rules) -> bool {
        self.activated_at.is_some_and(|activated| activated <= at) && self.is_granted(at, rules)
    }

    fn is_granted(&self, start: DateTime<Utc>, rules: &Rules) -> bool {
        self.granted_until(rules).is_none_or(|end| start < end)
    }

    /// Up to where its periods are granted; absent while there is no end in sight.
    fn granted_until(&self, rules: &Rules) -> Option<DateTime<Utc>> {
        let by_status = match self.status {
            SubscriptionStatus::PastDue => Some(
                self.status_at
                    .checked_add_signed(rules.past_due_grace)
                    .unwrap_or(DateTime::<Utc>::MAX_UTC),
            ),
            SubscriptionStatus::Trialing if !rules.trial_grants => Some(self.status_at),
            _ => None,
        };
        match (by_status, self.ended_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Whether an event comes too late to say what the subscription is now.
    pub(crate) fn is_stale(&self, event: &Event<'_>) -> bool {
        (event.at, event.status.rank()) < (self.status_at, self.status.rank())
    }

    /// Takes an event that is not stale.
    pub(crate) fn change(&mut self, event: &Event<'_>, rules: &Rules) {
        self.dirty = true;
        if let (None, Some(anchor)) = (self.next_period_start, event.anchor) {
            self.anchor = anchor;
        }
        let running = self.activated_at.is_some() && self.ended_at.is_none();
        if event.status.is_over() && (running || self.ended_at.is_none()) {
            let end = self.granted_until(rules).filter(|_| running);
            self.ended_at = Some(end.map_or(event.at, |end| end.min(event.at)));
        }
        event.plan.clone_into(&mut self.plan);
        self.paid_through = event.paid_through.or(self.paid_through);
        self.status = event.status;
        self.status_at = event.at;
        if event.status.runs(rules) && !running {
            self.ended_at = None;
            self.activate(event.at);
        }
    }

    /// Takes a stale event: only that a subscription ran before what is known of it is news. Once it is known to have
    /// run, an older beginning is none: it may have ended in between.
    pub(crate) fn recall(&mut self, event: &Event<'_>, rules: &Rules) {
        if self.activated_at.is_none() && event.status.runs(rules) {
            self.dirty = true;
            self.anchor = event.anchor.unwrap_or(self.anchor.min(event.at));
            self.paid_through = self.paid_through.or(event.paid_through);
            self.activate(event.at);
        }
    }

    fn activate(&mut self, at: DateTime<Utc>) {
        self.activated_at = Some(at);
        let first = Period::containing(self.anchor, at).start;
        self.next_period_start = Some(self.next_period_start.map_or(first, |next| next.max(first)));
    }
}

/// The plan of a subscription that is granted by `rules`.
pub(crate) fn enabled_plan<'a>(name: &str, rules: &'a Rules) -> Option<&'a Plan> {
    rules.plans.get(name).filter(|plan| plan.enabled)
}

/// Whether a subscription of the user's other than the one that came with the registration covers an instant.
pub(crate) fn is_covered(subscriptions: &[Subscription], at: DateTime<Utc>, rules: &Rules) -> bool {
    subscriptions
        .iter()
        .any(|other| !other.is_free() && other.covers(at, rules))
}

/// Whether one of a user's subscriptions other than to the free plan is granted at `now`.
pub fn has_paid_plan(subscriptions: &[Subscription], rules: &Rules, now: DateTime<Utc>) -> bool {
    subscriptions
        .iter()
        .any(|one| !one.is_free() && rules.free_plan.as_ref() != Some(&one.plan) && one.covers(now, rules))
}

/// The next grant that a user with these subscriptions can expect.
pub fn next_grant(subscriptions: &[Subscription], rules: &Rules, now: DateTime<Utc>) -> Option<NextGrant> {
    let covered = is_covered(subscriptions, now, rules);
    subscriptions
        .iter()
        .filter(|subscription| !(covered && subscription.is_free()))
        .filter_map(|subscription| {
            let at = subscription
                .due_at()
                .filter(|start| subscription.is_granted(*start, rules))?;
            let plan = enabled_plan(&subscription.plan, rules).filter(|plan| plan.credits > 0)?;
            Some(NextGrant {
                amount: plan.credits,
                at,
                plan: subscription.plan.clone(),
            })
        })
        .min_by_key(|grant| grant.at)
}
