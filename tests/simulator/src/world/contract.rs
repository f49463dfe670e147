//! A user's subscription at the payment provider.

use chrono::TimeDelta;

use super::Today;
use crate::{
    At,
    message::{Request, Status},
    months,
};

const PLANS: [&str; 4] = ["starter", "pro", "pro", "team"];

/// A user's subscription at the payment provider.
#[derive(Debug)]
pub struct Contract {
    id: String,
    plan: &'static str,
    status: Status,
    signed_at: At,
    /// Whether the provider's events contain the anchor.
    reports_anchor: bool,
    /// Whether the provider's events contain the instant up to which the subscription is paid.
    reports_paid_through: bool,
    /// The start of the next period that must be paid.
    renews_at: At,
    /// The end of the trial, if the subscription begins with one.
    trial_ends_at: At,
}

impl Contract {
    /// Starts a subscription for a user.
    pub fn sign(user: &str, today: &mut Today<'_>) -> Self {
        let at = today.instant();
        let is_trial = today.rng.chance(3_000);
        let id = match today.rng.between(0, 199) {
            // The id of another user's subscription, by mistake.
            0 => "sub_1".to_owned(),
            _ => format!("sub_{}", *today.next + 1),
        };
        let mut contract = Self {
            id,
            plan: *today.rng.pick(&PLANS),
            status: Status::Active,
            signed_at: at,
            reports_anchor: today.rng.chance(7_500),
            reports_paid_through: today.rng.chance(5_000),
            renews_at: months::start(at, 1),
            trial_ends_at: at + TimeDelta::days(today.rng.between(7, 40)),
        };
        if today.rng.chance(100) {
            contract.plan = "no such";
        }
        let status = if is_trial {
            Status::Trialing
        } else {
            Status::Active
        };
        contract.report(user, status, at, today);
        contract
    }

    fn report(&mut self, user: &str, status: Status, at: At, today: &mut Today<'_>) {
        self.status = status;
        let runs = matches!(status, Status::Active | Status::Trialing);
        let request = Request::Subscription {
            id: self.id.clone(),
            plan: self.plan,
            status,
            anchor: self.reports_anchor.then_some(self.signed_at),
            paid_through: (self.reports_paid_through && runs).then_some(self.renews_at),
        };
        today.happens(user, at, request);
    }

    /// Reports a payment. The provider may send two events at the same instant, one for the payment
    /// and one for the change of the subscription. Then only the first one contains the instant up
    /// to which the subscription is paid.
    fn renews(&mut self, user: &str, paid_at: At, today: &mut Today<'_>) {
        self.report(user, Status::Active, paid_at, today);
        if today.rng.chance(3_000) {
            self.reports_paid_through = false;
            self.report(user, Status::Active, paid_at, today);
            self.reports_paid_through = true;
        }
    }

    /// Simulates one day of the subscription.
    pub fn live(&mut self, user: &str, today: &mut Today<'_>) {
        match self.status {
            Status::Trialing => self.trial_day(user, today),
            Status::Active => self.active_day(user, today),
            Status::PastDue => self.past_due_day(user, today),
            Status::Paused => self.paused_day(user, today),
            Status::Canceled | Status::Expired => self.ended_day(user, today),
        }
    }

    fn trial_day(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        if self.trial_ends_at > today.to {
            return;
        }
        let at = today.instant();
        let status = match today.rng.between(0, 9) {
            0 | 1 => Status::Canceled,
            2 => Status::Expired,
            3 => Status::PastDue,
            _ => Status::Active,
        };
        self.report(user, status, at, today);
    }

    fn active_day(&mut self, user: &str, today: &mut Today<'_>) {
        if self.renews_at <= today.to {
            let due = self.renews_at;
            self.count_months(today);
            let paid_at = (due + TimeDelta::minutes(today.rng.between(0, 300))).min(today.to);
            if today.rng.chance(1_000) {
                self.report(user, Status::PastDue, paid_at, today);
            } else if self.reports_paid_through {
                self.renews(user, paid_at, today);
            }
            return;
        }
        let at = today.instant();
        match today.rng.between(0, 9_999) {
            0..40 => self.report(user, Status::Paused, at, today),
            40..80 => self.report(user, Status::Canceled, at, today),
            80..90 => {
                // Two events at the same instant: the one with the higher rank counts, in either
                // order.
                self.report(user, Status::Active, at, today);
                self.report(user, Status::Canceled, at, today);
            }
            90..140 => {
                self.plan = *today.rng.pick(&PLANS);
                self.report(user, Status::Active, at, today);
            }
            140..150 => {
                let ahead = today.to + TimeDelta::minutes(today.rng.between(1, 600));
                self.report(user, Status::Active, ahead, today);
            }
            _ => {}
        }
    }

    fn past_due_day(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        let at = today.instant();
        match today.rng.between(0, 99) {
            0..15 => self.report(user, Status::Active, at, today),
            15..20 => {
                // The last reminder and the payment at the same instant.
                self.report(user, Status::PastDue, at, today);
                self.report(user, Status::Active, at, today);
            }
            20..24 => self.report(user, Status::Canceled, at, today),
            24 => self.report(user, Status::Paused, at, today),
            // A reminder. In the second case the user has chosen another plan before it.
            25..45 => self.report(user, Status::PastDue, at, today),
            45..48 => {
                self.plan = *today.rng.pick(&PLANS);
                self.report(user, Status::PastDue, at, today);
            }
            _ => {}
        }
    }

    fn paused_day(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        let at = today.instant();
        match today.rng.between(0, 99) {
            0..6 => self.report(user, Status::Active, at, today),
            6 => self.report(user, Status::Canceled, at, today),
            7 => self.report(user, Status::PastDue, at, today),
            _ => {}
        }
    }

    fn ended_day(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        if !today.rng.chance(150) {
            return;
        }
        let at = today.instant();
        if today.rng.chance(6_000) {
            self.id = format!("sub_{}", *today.next + 1);
            self.signed_at = at;
            self.renews_at = months::start(at, 1);
        }
        self.plan = *today.rng.pick(&PLANS);
        self.report(user, Status::Active, at, today);
    }

    fn count_months(&mut self, today: &Today<'_>) {
        while self.renews_at <= today.to {
            self.renews_at = months::after(self.signed_at, self.renews_at);
        }
    }
}
