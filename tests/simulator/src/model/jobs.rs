//! The nightly jobs.

use super::{Answer, Batch, Model};
use crate::{At, rulebook::LATENESS};

/// The counts of a run of the grant job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The number of periods that brought credits.
    pub granted: u64,
    /// The number of periods that brought no credits.
    pub skipped: u64,
    /// The number of periods that could not be granted.
    pub failed: u64,
    pub credits: i64,
}

/// The counts of a run of the expiry job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    pub batches: u64,
    pub users: u64,
    pub credits: i64,
}

impl Model {
    /// Runs the grant job. It takes the subscriptions in the order of their due times. It grants
    /// the first period of each subscription before the second period of any. It skips the periods
    /// of a disabled plan.
    pub fn run_grant(&mut self, now: At) -> Granted {
        let mut due = Vec::new();
        for (user, timelines) in &self.timelines {
            for (nth, timeline) in timelines.iter().enumerate() {
                let mut periods = timeline.due(&self.rules, now, now);
                periods.retain(|period| {
                    self.rules
                        .plan(&period.plan)
                        .is_none_or(|plan| plan.enabled)
                });
                let first = timeline.row.due.filter(|first| *first <= now);
                if let Some(first) = first.filter(|_| !periods.is_empty()) {
                    periods.reverse();
                    due.push((first, timeline.row.id.clone(), user.clone(), nth, periods));
                }
            }
        }
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let mut counts = Granted::default();
        while !due.is_empty() {
            for (_, _, user, nth, periods) in &mut due {
                let period = periods.pop().expect("a period");
                self.account(user).close_ended(now, None);
                let is_known = self.rules.plan(&period.plan).is_some();
                if !self.rules.enabled || !is_known {
                    counts.failed += 1;
                    continue;
                }
                let mut answer = Answer::default();
                let added = self.grant_period(user, *nth, &period, now, false, &mut answer);
                self.expect_next(user, now);
                if let Some((batch, credits)) = added {
                    self.repay(user, &[(batch, credits)], now, &mut answer);
                    counts.granted += 1;
                    counts.credits += credits;
                } else {
                    counts.skipped += 1;
                }
            }
            due.retain(|(.., periods)| !periods.is_empty());
        }
        counts
    }

    /// Runs the expiry job.
    pub fn run_expire(&mut self, now: At) -> Expired {
        let mut counts = Expired::default();
        let is_expired = |batch: &Batch| {
            batch.left > 0 && batch.expires_at.is_some_and(|end| end <= now - LATENESS)
        };
        let users: Vec<String> = self.accounts.keys().cloned().collect();
        for user in users {
            if !self.account(&user).batches.iter().any(is_expired) {
                continue;
            }
            self.account(&user).close_ended(now, None);
            if self.rules.enabled {
                self.grant_due_periods(&user, now);
            }
            let account = self.account(&user);
            let mut expired: Vec<usize> = Vec::new();
            for (nth, batch) in account.batches.iter().enumerate() {
                if is_expired(batch) && account.free(nth) > 0 {
                    expired.push(nth);
                }
            }
            account.sort_in_spending_order(&mut expired);
            counts.users += u64::from(!expired.is_empty());
            for nth in expired {
                counts.batches += 1;
                counts.credits += account.expire(nth, now);
            }
        }
        counts
    }
}
