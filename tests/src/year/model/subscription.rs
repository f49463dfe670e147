//! What is known of a subscription, and which of its months are due.

use crate::year::{At, message::Says, months, rulebook::Rulebook};

/// What is known of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub id: String,
    /// Its plan.
    pub plan: String,
    /// What was said last, and when it was so.
    pub says: Says,
    /// When it was so.
    pub said_at: At,
    /// From where months are counted.
    pub anchor: At,
    /// Since when it runs, or ran last.
    pub since: Option<At>,
    /// Since when it does not run any more.
    pub ended: Option<At>,
    /// Up to where it is paid.
    pub paid_through: Option<At>,
    /// The next month that nobody has looked at.
    pub next: Option<At>,
}

/// What a message says of a subscription.
#[derive(Clone, Debug)]
pub struct News {
    /// The plan.
    pub plan: String,
    /// What it is.
    pub says: Says,
    /// When it was so.
    pub at: At,
    /// From where months are counted.
    pub anchor: Option<At>,
    /// Up to where it is paid.
    pub paid_through: Option<At>,
}

const fn weight(says: Says) -> u8 {
    match says {
        Says::Canceled | Says::Expired => 2,
        Says::Active => 1,
        Says::Trialing | Says::PastDue | Says::Paused => 0,
    }
}

const fn starts(says: Says, rules: &Rulebook) -> bool {
    match says {
        Says::Active => true,
        Says::Trialing => rules.trial_grants,
        _ => false,
    }
}

const fn ends(says: Says) -> bool {
    matches!(says, Says::Paused | Says::Canceled | Says::Expired)
}

impl Subscription {
    /// One of which these are the first news.
    pub fn new(id: &str, news: &News) -> Self {
        Self {
            id: id.to_owned(),
            plan: news.plan.clone(),
            says: news.says,
            said_at: news.at,
            anchor: news.anchor.unwrap_or(news.at),
            since: None,
            ended: None,
            paid_through: None,
            next: None,
        }
    }

    /// The one that a registration opens.
    pub fn free(user: &str, plan: &str, at: At) -> Self {
        Self {
            id: format!("free:{user}"),
            plan: plan.to_owned(),
            says: Says::Active,
            said_at: at,
            anchor: at,
            since: Some(at),
            ended: None,
            paid_through: None,
            next: Some(months::start(at, 1)),
        }
    }

    /// Whether it came with the registration.
    pub fn is_free(&self) -> bool {
        self.id.starts_with("free:")
    }

    /// Whether the month that starts then is paid for by what is known of its status.
    fn runs_at(&self, start: At, rules: &Rulebook) -> bool {
        let by_status = match self.says {
            Says::PastDue => start < self.said_at + rules.grace,
            Says::Trialing => rules.trial_grants || start < self.said_at,
            _ => true,
        };
        by_status && self.ended.is_none_or(|end| start < end)
    }

    /// Whether the free plan is not granted then.
    pub fn covers(&self, at: At, rules: &Rulebook) -> bool {
        self.since.is_some_and(|since| since <= at) && self.runs_at(at, rules)
    }

    /// When the next month that nobody has looked at starts, unless it starts too late ever to be looked at.
    pub fn waits_for(&self) -> Option<At> {
        let next = self.next?;
        let is_over = self.ended.is_some_and(|end| next >= end);
        let is_unpaid = self.paid_through.is_some_and(|paid| next >= paid);
        (!is_over && !is_unpaid).then_some(next)
    }

    /// The month that is to be granted at `now`.
    pub fn due(&self, rules: &Rulebook, now: At) -> Option<At> {
        let next = self.waits_for()?;
        (next <= now && self.runs_at(next, rules)).then_some(next)
    }

    /// Whether something later is known than these news.
    pub fn knows_better(&self, news: &News) -> bool {
        news.at < self.said_at || (news.at == self.said_at && weight(news.says) < weight(self.says))
    }

    /// Takes news. `is_first`: nothing was known before.
    pub fn hear(&mut self, news: &News, rules: &Rulebook) {
        if let (None, Some(anchor)) = (self.since, news.anchor) {
            self.anchor = anchor;
        }
        let was_running = self.since.is_some() && self.ended.is_none();
        if ends(news.says) && self.ended.is_none() {
            let mut end = news.at;
            if was_running && self.says == Says::PastDue {
                end = end.min(self.said_at + rules.grace);
            }
            if was_running && self.says == Says::Trialing && !rules.trial_grants {
                end = end.min(self.said_at);
            }
            self.ended = Some(end);
        }
        self.plan.clone_from(&news.plan);
        self.says = news.says;
        self.said_at = news.at;
        if news.paid_through.is_some() {
            self.paid_through = news.paid_through;
        }
        if starts(news.says, rules) && !was_running {
            self.ended = None;
            self.start(news.at);
        }
    }

    /// Takes old news: that it did run before, if that was not known.
    pub fn remember(&mut self, news: &News, rules: &Rulebook) {
        if self.since.is_some() || !starts(news.says, rules) {
            return;
        }
        self.anchor = news.anchor.unwrap_or_else(|| self.anchor.min(news.at));
        if self.paid_through.is_none() {
            self.paid_through = news.paid_through;
        }
        self.start(news.at);
    }

    fn start(&mut self, at: At) {
        self.since = Some(at);
        let first = months::containing(self.anchor, at);
        if self.next.is_none_or(|next| next < first) {
            self.next = Some(first);
        }
    }
}
