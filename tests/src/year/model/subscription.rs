//! What is known of a subscription, and which of its months are due.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::year::{At, message::Says, months, rulebook::Rulebook};

/// How long news that come late may come one after the other.
pub const ARRIVAL: TimeDelta = TimeDelta::minutes(15);
/// News that become known later than this after they happened are late.
pub const LATE: TimeDelta = TimeDelta::minutes(5);
/// How far a payment provider's clock may be ahead.
pub const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The summary that is stored of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub id: String,
    /// The plan of the latest news.
    pub plan: String,
    /// The status of the latest news.
    pub says: Says,
    /// Since when that has been the status.
    pub says_since: At,
    /// When the latest news happened.
    pub said_at: At,
    /// From where months are counted.
    pub anchor: At,
    /// Since when it runs, or ran last.
    pub since: Option<At>,
    /// Since when it does not run any more, where it is over or paused.
    pub ended: Option<At>,
    /// Up to where it is paid.
    pub paid_through: Option<At>,
    /// The first month that was not granted yet and is, or may become, due.
    pub due: Option<At>,
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
    /// When that became known.
    pub known_at: At,
    /// From where months are counted.
    pub anchor: Option<At>,
    /// Up to where it is paid.
    pub paid_through: Option<At>,
}

impl News {
    /// Of two news of one instant the weightier count as later.
    const fn weight(&self) -> u8 {
        match self.says {
            Says::Canceled | Says::Expired => 2,
            Says::Active => 1,
            Says::Trialing | Says::PastDue | Says::Paused => 0,
        }
    }

    const fn is_end(&self) -> bool {
        self.weight() == 2
    }
}

/// A stretch of time in which a subscription runs under one plan.
#[derive(Clone, Debug)]
struct Stretch {
    from: At,
    /// Absent: it has no end yet.
    until: Option<At>,
    plan: String,
    /// Months that start then or later are not paid.
    paid_through: Option<At>,
}

impl Stretch {
    fn touches(&self, from: At, until: At) -> bool {
        self.from < until && self.until.is_none_or(|end| end > from)
    }
}

/// A month that is to be granted.
#[derive(Clone, Debug)]
pub struct Month {
    /// Its first instant.
    pub start: At,
    /// The first instant of the next one.
    pub end: At,
    /// The plan whose credits it brings.
    pub plan: String,
}

/// Everything that was ever said of a subscription, and the months that were granted or left out.
#[derive(Clone, Debug)]
pub struct Course {
    /// The summary, as it was when the last news came or the last month was looked at.
    pub row: Subscription,
    news: Vec<News>,
    looked_at: BTreeSet<At>,
}

impl Course {
    /// One of which these are the first news.
    pub fn new(id: &str, news: News, rules: &Rulebook) -> Self {
        let row = Subscription {
            id: id.to_owned(),
            plan: String::new(),
            says: news.says,
            says_since: news.at,
            said_at: news.at,
            anchor: news.at,
            since: None,
            ended: None,
            paid_through: None,
            due: None,
        };
        let mut course = Self {
            row,
            news: Vec::new(),
            looked_at: BTreeSet::new(),
        };
        course.hear(news, rules);
        course
    }

    /// The one that a registration opens.
    pub fn free(user: &str, plan: &str, at: At, rules: &Rulebook) -> Self {
        let news = News {
            plan: plan.to_owned(),
            says: Says::Active,
            at,
            known_at: at,
            anchor: Some(at),
            paid_through: None,
        };
        Self::new(&format!("free:{user}"), news, rules)
    }

    /// Whether it came with the registration.
    pub fn is_free(&self) -> bool {
        self.row.id.starts_with("free:")
    }

    /// Whether something later is known than these news.
    pub fn knows_better(&self, news: &News) -> bool {
        let last = self.news.last().expect("news");
        news.at < last.at || (news.at == last.at && news.weight() < last.weight())
    }

    /// Takes news, in whatever order they come.
    pub fn hear(&mut self, news: News, rules: &Rulebook) {
        let mut place = self.news.len();
        while place > 0 {
            let other = &self.news[place - 1];
            if (other.at, other.weight()) <= (news.at, news.weight()) {
                break;
            }
            place -= 1;
        }
        self.news.insert(place, news);
        self.sum_up(rules);
    }

    /// A month was granted, or it was recorded why not.
    pub fn look_at(&mut self, start: At, rules: &Rulebook) {
        assert!(self.looked_at.insert(start), "{start} twice");
        self.sum_up(rules);
    }

    /// The news that were true for some time, each with the time at which others followed.
    fn lasting(&self) -> Vec<(&News, usize, Option<At>)> {
        let mut lasting = Vec::new();
        for (nth, news) in self.news.iter().enumerate() {
            let until = self.news.get(nth + 1).map(|next| next.at);
            if until != Some(news.at) {
                lasting.push((news, nth, until));
            }
        }
        lasting
    }

    /// Up to where months are paid that run by the news of that place: the latest that was said between one end of the
    /// subscription and the next.
    fn paid_through(&self, place: usize) -> Option<At> {
        let mut latest = None;
        for (nth, news) in self.news.iter().enumerate() {
            latest = latest.max(news.paid_through);
            if news.is_end() {
                if nth >= place {
                    break;
                }
                latest = None;
            }
        }
        latest
    }

    /// When it runs. With `hope` a payment that is late now comes, and a trial that lasts now is granted.
    fn stretches(&self, rules: &Rulebook, hope: bool) -> Vec<Stretch> {
        let lasting = self.lasting();
        let last = lasting.last().map(|(news, ..)| news.says);
        let mut running: Vec<Stretch> = Vec::new();
        // What is granted once it is paid.
        let mut owed: Vec<Stretch> = Vec::new();
        let mut has_run = false;
        let mut late_since: Option<At> = None;
        for (place, (news, nth, until)) in lasting.iter().enumerate() {
            let stretch = |from, until| Stretch {
                from,
                until,
                plan: news.plan.clone(),
                paid_through: self.paid_through(*nth),
            };
            let goes_on = lasting[place..].iter().all(|(later, ..)| later.says == news.says);
            let runs = match news.says {
                Says::Active => true,
                Says::Trialing => rules.trial_grants || (hope && goes_on),
                _ => false,
            };
            if runs {
                running.append(&mut owed);
                running.push(stretch(news.at, *until));
                has_run = true;
                late_since = None;
            } else if news.says == Says::PastDue {
                let since = *late_since.get_or_insert(news.at);
                let grace = since + rules.grace;
                let (middle, is_split) = if until.is_some_and(|until| until <= grace) {
                    (*until, false)
                } else {
                    (Some(news.at.max(grace)), true)
                };
                if has_run && middle.is_some_and(|middle| middle > news.at) {
                    running.push(stretch(news.at, middle));
                }
                if has_run && is_split {
                    owed.push(stretch(news.at.max(grace), *until));
                }
            } else {
                owed.clear();
                has_run = false;
                late_since = None;
            }
        }
        if hope && last == Some(Says::PastDue) {
            running.append(&mut owed);
        }
        running
    }

    /// Whether it runs at an instant.
    pub fn runs_at(&self, at: At, rules: &Rulebook) -> bool {
        let running = self.stretches(rules, false);
        running
            .iter()
            .any(|stretch| stretch.from <= at && stretch.until.is_none_or(|end| at < end))
    }

    /// The months that nobody has looked at and that start at or before `until`.
    fn months(&self, rules: &Rulebook, hope: bool, until: At) -> Vec<Month> {
        let running = self.stretches(rules, hope);
        let anchor = self.row.anchor;
        let mut found = Vec::new();
        let mut nth = u32::from(self.is_free());
        let mut start = months::start(anchor, nth);
        while start <= until {
            nth += 1;
            let end = months::start(anchor, nth);
            let brings = running.iter().find(|stretch| {
                stretch.touches(start, end) && stretch.paid_through.is_none_or(|paid| start < paid)
            });
            if let Some(stretch) = brings.filter(|_| !self.looked_at.contains(&start)) {
                let plan = stretch.plan.clone();
                found.push(Month { start, end, plan });
            }
            start = end;
        }
        found
    }

    /// Until then it is decided of some month whether it is the next one.
    fn horizon(&self, rules: &Rulebook) -> At {
        let mut latest = self.row.anchor;
        for at in self.looked_at.iter().chain(self.news.iter().map(|news| &news.at)) {
            latest = latest.max(*at);
        }
        latest + rules.grace + TimeDelta::days(62)
    }

    /// From when the month that starts then is granted: news that contradict it may be on their way.
    fn granted_from(&self, start: At) -> At {
        let mut from = start;
        for news in &self.news {
            if news.known_at > news.at + LATE && news.known_at >= start {
                from = from.max(news.known_at + ARRIVAL);
            }
        }
        let last = self.news.last().expect("news");
        if start > last.at && start <= last.known_at && last.anchor != Some(start) {
            from = from.max(last.known_at + ARRIVAL);
        }
        from
    }

    /// The months that start at or before `until` and are to be granted at `now`, whatever their plan.
    pub fn due(&self, rules: &Rulebook, now: At, until: At) -> Vec<Month> {
        let mut due = self.months(rules, false, until);
        due.retain(|month| month.start > now || self.granted_from(month.start) <= now);
        due
    }

    /// When a message is expected to grant the next month. One that has begun under a plan that is off is left to the job.
    pub fn next_due(&self, rules: &Rulebook, now: At) -> Option<At> {
        let mut open = self.months(rules, false, self.horizon(rules).max(now + TimeDelta::days(62)));
        open.retain(|month| month.start > now || rules.plan(&month.plan).is_some_and(|plan| plan.enabled));
        open.iter().map(|month| self.granted_from(month.start)).min()
    }

    fn sum_up(&mut self, rules: &Rulebook) {
        // Fixed when the first month is looked at; until then by all that is known.
        if self.looked_at.is_empty() {
            let named = self.news.iter().find_map(|news| news.anchor);
            self.row.anchor = named.unwrap_or(self.news[0].at);
        }
        let last = self.news.last().expect("news");
        let mut says_since = last.at;
        for (news, ..) in self.lasting().into_iter().rev() {
            if news.says != last.says {
                break;
            }
            says_since = news.at;
        }
        let running = self.stretches(rules, false);
        let (mut since, mut end) = (None, None);
        for stretch in &running {
            if since.is_none() || end != Some(stretch.from) {
                since = Some(stretch.from);
            }
            end = stretch.until;
        }
        let is_over = matches!(last.says, Says::Paused | Says::Canceled | Says::Expired);
        let due = self.months(rules, true, self.horizon(rules));
        self.row = Subscription {
            plan: last.plan.clone(),
            says: last.says,
            says_since,
            said_at: last.at,
            since,
            ended: is_over.then(|| end.unwrap_or(says_since)),
            paid_through: self.paid_through(self.news.len() - 1),
            due: due.first().map(|month| month.start),
            ..self.row.clone()
        };
    }
}
