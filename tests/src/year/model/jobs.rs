//! What the nightly jobs do.

use chrono::TimeDelta;

use super::{Answer, Batch, Model, account::Row};
use crate::year::{At, months, rulebook::LATENESS};

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
    /// Grants a month of a plan that is on, or records why it brings nothing.
    pub(super) fn grant_month(&mut self, user: &str, nth: usize, start: At, now: At, answer: &mut Answer) {
        let rules = self.rules.clone();
        let account = self.account(user);
        let subscription = account.subscriptions[nth].clone();
        let plan = rules.plan(&subscription.plan).expect("a plan").clone();
        let end = months::after(subscription.anchor, start);
        let expires_at = plan.days.map_or(end, |days| start + TimeDelta::hours(24 * days));
        let covered = account
            .subscriptions
            .iter()
            .any(|other| !other.is_free() && other.covers(start, &rules));
        let skipped = if expires_at <= now {
            Some("lapsed")
        } else if subscription.is_free() && covered {
            Some("paid_plan")
        } else {
            None
        };
        account.subscriptions[nth].next = Some(end);
        let reference = format!("grant:{}:{}", subscription.id, start.format("%Y-%m-%d"));
        let room = (rules.max_balance - account.spendable(now)).max(0);
        let given = if skipped.is_some() {
            0
        } else {
            plan.credits.min(room)
        };
        if skipped.is_none() && given == 0 {
            let row = Row {
                kind: "monthly_grant".to_owned(),
                amount: 0,
                reference,
                code: Some("max_balance_reached".to_owned()),
                balance: Some(account.balance()),
                at: now,
            };
            account.rows.push(row);
            return;
        }
        if skipped.is_none() && given < plan.credits && answer.clipped.is_none() {
            answer.clipped = Some(plan.credits - given);
        }
        let batch = Batch {
            amount: given,
            left: given,
            issued_at: now,
            expires_at: Some(expires_at),
            source: "SUBSCRIPTION",
            from: Some(subscription.plan),
            month: Some(start.format("%Y-%m").to_string()),
            cents: None,
            swept: false,
        };
        account.add(batch, answer);
        account.record("monthly_grant", given, reference, now, answer);
        answer.skipped = skipped.map(str::to_owned);
        if answer.posted[0].0 != "monthly_grant" {
            answer.skipped = None;
        }
    }

    /// The grant job. Subscriptions come in the order in which they are due; of one with several months the first come
    /// before the second ones of others.
    pub fn run_grant(&mut self, now: At) -> Granted {
        let mut due = Vec::new();
        for (user, account) in &self.accounts {
            for (nth, subscription) in account.subscriptions.iter().enumerate() {
                let is_off = self
                    .rules
                    .plan(&subscription.plan)
                    .is_some_and(|plan| !plan.enabled);
                if let Some(at) = subscription.waits_for().filter(|at| *at <= now && !is_off) {
                    due.push((at, subscription.id.clone(), user.clone(), nth));
                }
            }
        }
        due.sort();
        let mut counts = Granted::default();
        while !due.is_empty() {
            due.retain(|(_, _, user, nth)| {
                let subscription = &self.accounts[user].subscriptions[*nth];
                let Some(month) = subscription.due(&self.rules, now) else {
                    return false;
                };
                if !self.rules.enabled || self.rules.plan(&subscription.plan).is_none() {
                    counts.failed += 1;
                    return false;
                }
                let mut answer = Answer::default();
                self.grant_month(user, *nth, month, now, &mut answer);
                if answer.amount > 0 {
                    counts.granted += 1;
                    counts.credits += answer.amount;
                } else {
                    counts.skipped += 1;
                }
                true
            });
        }
        counts
    }

    /// The expire job.
    pub fn run_expire(&mut self, now: At) -> Expired {
        let mut counts = Expired::default();
        for account in self.accounts.values_mut() {
            let mut lapsed: Vec<usize> = Vec::new();
            for (nth, batch) in account.batches.iter().enumerate() {
                if batch.left > 0 && batch.expires_at.is_some_and(|end| end <= now - LATENESS) {
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
