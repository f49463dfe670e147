//! What the nightly jobs do.

use super::{Answer, Batch, Model};
use crate::year::{At, rulebook::LATENESS};

/// What a run of the grant job counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Months that brought credits.
    pub granted: u64,
    /// Months that brought none.
    pub skipped: u64,
    /// Months that could not be granted.
    pub failed: u64,
    /// Credits.
    pub credits: i64,
}

/// What a run of the expire job counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Batches.
    pub batches: u64,
    /// Users.
    pub users: u64,
    /// Credits.
    pub credits: i64,
}

impl Model {
    /// The grant job. Subscriptions come in the order in which they may be due; of one with several months the first come
    /// before the second ones of others. Months of a plan that is off are left out.
    pub fn run_grant(&mut self, now: At) -> Granted {
        let mut due = Vec::new();
        for (user, courses) in &self.courses {
            for (nth, course) in courses.iter().enumerate() {
                let mut months = course.due(&self.rules, now, now);
                months.retain(|month| self.rules.plan(&month.plan).is_none_or(|plan| plan.enabled));
                let first = course.row.due.filter(|first| *first <= now);
                if let Some(first) = first.filter(|_| !months.is_empty()) {
                    months.reverse();
                    due.push((first, course.row.id.clone(), user.clone(), nth, months));
                }
            }
        }
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let mut counts = Granted::default();
        while !due.is_empty() {
            for (_, _, user, nth, months) in &mut due {
                let month = months.pop().expect("a month");
                let is_known = self.rules.plan(&month.plan).is_some();
                if !self.rules.enabled || !is_known {
                    counts.failed += 1;
                    continue;
                }
                let mut answer = Answer::default();
                self.grant_month(user, *nth, &month, now, false, &mut answer);
                self.expect_next(user, now);
                if answer.amount > 0 {
                    counts.granted += 1;
                    counts.credits += answer.amount;
                } else {
                    counts.skipped += 1;
                }
            }
            due.retain(|(.., months)| !months.is_empty());
        }
        counts
    }

    /// The expire job.
    pub fn run_expire(&mut self, now: At) -> Expired {
        let mut counts = Expired::default();
        let is_swept =
            |batch: &Batch| batch.left > 0 && batch.expires_at.is_some_and(|end| end <= now - LATENESS);
        let users: Vec<String> = self.accounts.keys().cloned().collect();
        for user in users {
            if !self.account(&user).batches.iter().any(is_swept) {
                continue;
            }
            if self.rules.enabled {
                self.grant_what_is_due(&user, now);
            }
            let account = self.account(&user);
            let mut lapsed: Vec<usize> = Vec::new();
            for (nth, batch) in account.batches.iter().enumerate() {
                if is_swept(batch) {
                    lapsed.push(nth);
                }
            }
            account.sort_as_spent(&mut lapsed);
            counts.users += u64::from(!lapsed.is_empty());
            for nth in lapsed {
                let left = std::mem::take(&mut account.batches[nth].left);
                account.batches[nth].swept = true;
                counts.batches += 1;
                counts.credits += left;
                let mut answer = Answer::default();
                account.record("expiration", -left, "expire".to_owned(), now, &mut answer);
            }
        }
        counts
    }
}
