//! The grants of periods that are due.

use chrono::TimeDelta;

use super::{Answer, Batch, Model, account::Row, subscription::Period};
use crate::At;

/// The maximum number of periods that are granted at once.
const MOST: usize = 120;

impl Model {
    /// Grants the periods of a user that are due. Every message does this first.
    pub(super) fn grant_due_periods(&mut self, user: &str, now: At) {
        let account = self.account(user);
        if account.is_open && account.next_due.is_some_and(|next| next <= now) {
            let before = account.rows.len();
            self.grant_all(user, now, now, false, &mut Answer::default());
            self.granted_first += (self.account(user).rows.len() - before) as u64;
        }
    }

    /// Grants the periods of all subscriptions of a user that start at or before `until` and are
    /// due, in the order of their starts.
    pub(super) fn grant_all(
        &mut self,
        user: &str,
        now: At,
        until: At,
        with_event: bool,
        answer: &mut Answer,
    ) {
        let mut due = Vec::new();
        for (nth, timeline) in self.timelines.get(user).into_iter().flatten().enumerate() {
            for period in timeline.due(&self.rules, now, until) {
                if self
                    .rules
                    .plan(&period.plan)
                    .is_some_and(|plan| plan.enabled)
                {
                    due.push((period.start, timeline.row.id.clone(), nth, period));
                }
            }
        }
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let mut added = Vec::new();
        for (_, _, nth, period) in due.into_iter().take(MOST) {
            added.push(self.grant_period(user, nth, &period, now, with_event, answer));
        }
        for (batch, credits) in added.into_iter().flatten() {
            self.repay(user, &[(batch, credits)], now, answer);
        }
        self.expect_next(user, now);
    }

    /// Computes the instant from which a message grants the next period.
    pub(super) fn expect_next(&mut self, user: &str, now: At) {
        let timelines = self.timelines.get(user).into_iter().flatten();
        let next = timelines
            .filter_map(|timeline| timeline.next_due(&self.rules, now))
            .min();
        self.account(user).next_due = next;
    }

    /// Grants a period of an enabled plan, or records the reason for which it brings no credits.
    /// Returns the batch and its credits.
    pub(super) fn grant_period(
        &mut self,
        user: &str,
        nth: usize,
        period: &Period,
        now: At,
        with_event: bool,
        answer: &mut Answer,
    ) -> Option<(usize, i64)> {
        let rules = self.rules.clone();
        let timelines = self.timelines.get_mut(user).expect("subscriptions");
        let plan = rules.plan(&period.plan).expect("a plan");
        let expires_at = plan.days.map_or(period.end, |days| {
            period.start + TimeDelta::hours(24 * days)
        });
        let is_free = timelines[nth].is_free();
        let mut others = timelines.iter().filter(|other| !other.is_free());
        let skipped = if expires_at <= now {
            Some("lapsed")
        } else if is_free && others.any(|other| other.runs_at(period.start, &rules)) {
            Some("paid_plan")
        } else {
            None
        };
        timelines[nth].settle(period.start, &rules);
        let reference = format!(
            "grant:{}:{}",
            timelines[nth].row.id,
            period.start.format("%Y-%m-%d")
        );
        let account = self.account(user);
        let available = (rules.max_balance - account.spendable(now)).max(0);
        let fits = plan.credits.min(available);
        let given = if skipped.is_some() { 0 } else { fits };
        if answer.skipped.is_none() {
            answer.skipped = skipped.map(str::to_owned);
        }
        if skipped.is_none() && fits < plan.credits {
            answer.clipped = Some(answer.clipped.unwrap_or(0) + plan.credits - fits);
        }
        if skipped.is_none() && fits == 0 {
            account.rows.push(Row {
                kind: "monthly_grant".to_owned(),
                amount: 0,
                debt_change: 0,
                reference,
                code: Some("max_balance_reached".to_owned()),
                balance: Some(account.balance()),
                at: now,
                came_with_event: with_event,
            });
            return None;
        }
        let batch = Batch {
            amount: given,
            left: given,
            issued_at: now,
            expires_at: Some(expires_at),
            source: "SUBSCRIPTION",
            from: Some(period.plan.clone()),
            month: Some(period.start.format("%Y-%m").to_string()),
            micros: None,
            expired: false,
            revoked: false,
            root: 0,
        };
        let added = account.add(batch, answer);
        account.record("monthly_grant", given, reference.clone(), now, answer);
        account.rows.last_mut().expect("a row").came_with_event = with_event;
        self.deposited(user, &reference, added, given);
        added.map(|batch| (batch, given))
    }
}
