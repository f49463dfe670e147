//! The months that are due of a user.

use chrono::TimeDelta;

use super::{Answer, Batch, Model, account::Row, subscription::Month};
use crate::year::At;

/// So many months are granted at once at most.
const MOST: usize = 120;

impl Model {
    /// What every message does first.
    pub(super) fn grant_what_is_due(&mut self, user: &str, now: At) {
        let account = self.account(user);
        if account.is_open && account.next_due.is_some_and(|next| next <= now) {
            let before = account.rows.len();
            self.grant_all(user, now, now, false, &mut Answer::default());
            self.granted_first += (self.account(user).rows.len() - before) as u64;
        }
    }

    /// Grants the months of all subscriptions of a user that start at or before `until` and are due, in the order in which
    /// they start.
    pub(super) fn grant_all(
        &mut self,
        user: &str,
        now: At,
        until: At,
        with_event: bool,
        answer: &mut Answer,
    ) {
        let mut due = Vec::new();
        for (nth, course) in self.courses.get(user).into_iter().flatten().enumerate() {
            for month in course.due(&self.rules, now, until) {
                if self.rules.plan(&month.plan).is_some_and(|plan| plan.enabled) {
                    due.push((month.start, course.row.id.clone(), nth, month));
                }
            }
        }
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        for (_, _, nth, month) in due.into_iter().take(MOST) {
            self.grant_month(user, nth, &month, now, with_event, answer);
        }
        self.expect_next(user, now);
    }

    /// Foresees when a message grants the next month.
    pub(super) fn expect_next(&mut self, user: &str, now: At) {
        let courses = self.courses.get(user).into_iter().flatten();
        let next = courses
            .filter_map(|course| course.next_due(&self.rules, now))
            .min();
        self.account(user).next_due = next;
    }

    /// Grants a month of a plan that is on, or records why it brings nothing.
    pub(super) fn grant_month(
        &mut self,
        user: &str,
        nth: usize,
        month: &Month,
        now: At,
        with_event: bool,
        answer: &mut Answer,
    ) {
        let rules = self.rules.clone();
        let courses = self.courses.get_mut(user).expect("subscriptions");
        let plan = rules.plan(&month.plan).expect("a plan");
        let expires_at = plan
            .days
            .map_or(month.end, |days| month.start + TimeDelta::hours(24 * days));
        let is_free = courses[nth].is_free();
        let mut others = courses.iter().filter(|other| !other.is_free());
        let skipped = if expires_at <= now {
            Some("lapsed")
        } else if is_free && others.any(|other| other.runs_at(month.start, &rules)) {
            Some("paid_plan")
        } else {
            None
        };
        courses[nth].look_at(month.start, &rules);
        let reference = format!("grant:{}:{}", courses[nth].row.id, month.start.format("%Y-%m-%d"));
        let account = self.account(user);
        let room = (rules.max_balance - account.spendable(now)).max(0);
        let fits = plan.credits.min(room);
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
                reference,
                code: Some("max_balance_reached".to_owned()),
                balance: Some(account.balance()),
                at: now,
                came_with_event: with_event,
            });
            return;
        }
        let batch = Batch {
            amount: given,
            left: given,
            issued_at: now,
            expires_at: Some(expires_at),
            source: "SUBSCRIPTION",
            from: Some(month.plan.clone()),
            month: Some(month.start.format("%Y-%m").to_string()),
            cents: None,
            swept: false,
        };
        account.add(batch, answer);
        account.record("monthly_grant", given, reference, now, answer);
        account.rows.last_mut().expect("a row").came_with_event = with_event;
    }
}
