//! One user's subscription, as the payment provider sees it.

use chrono::TimeDelta;

use super::Today;
use crate::year::{
    At,
    message::{Says, What},
    months,
};

const PLANS: [&str; 4] = ["starter", "pro", "pro", "team"];

/// One user's subscription.
#[derive(Debug)]
pub struct Contract {
    id: String,
    plan: &'static str,
    says: Says,
    signed_at: At,
    /// Whether the payment provider says from where months are counted, and up to where they are paid.
    tells_anchor: bool,
    tells_paid: bool,
    /// The month that is to be paid next.
    renews_at: At,
    /// When a trial is over.
    tried_until: At,
}

impl Contract {
    /// A user subscribes.
    pub fn sign(user: &str, today: &mut Today<'_>) -> Self {
        let at = today.instant();
        let is_trial = today.dice.chance(3_000);
        let id = match today.dice.between(0, 199) {
            // Somebody else's, by mistake.
            0 => "sub_1".to_owned(),
            _ => format!("sub_{}", *today.next + 1),
        };
        let mut contract = Self {
            id,
            plan: *today.dice.pick(&PLANS),
            says: Says::Active,
            signed_at: at,
            tells_anchor: today.dice.chance(7_500),
            tells_paid: today.dice.chance(5_000),
            renews_at: months::start(at, 1),
            tried_until: at + TimeDelta::days(today.dice.between(7, 40)),
        };
        if today.dice.chance(100) {
            contract.plan = "no such";
        }
        let says = if is_trial { Says::Trialing } else { Says::Active };
        contract.now(user, says, at, today);
        contract
    }

    fn now(&mut self, user: &str, says: Says, at: At, today: &mut Today<'_>) {
        self.says = says;
        let runs = matches!(says, Says::Active | Says::Trialing);
        let what = What::Subscription {
            id: self.id.clone(),
            plan: self.plan,
            says,
            anchor: self.tells_anchor.then_some(self.signed_at),
            paid_through: (self.tells_paid && runs).then_some(self.renews_at),
        };
        today.happens(user, at, what);
    }

    /// A payment. The provider may report it twice at the same instant: that it was paid, and that the subscription was
    /// updated, of which only one says up to where it is paid.
    fn renews(&mut self, user: &str, paid_at: At, today: &mut Today<'_>) {
        self.now(user, Says::Active, paid_at, today);
        if today.dice.chance(3_000) {
            self.tells_paid = false;
            self.now(user, Says::Active, paid_at, today);
            self.tells_paid = true;
        }
    }

    /// What happens to it on a day.
    pub fn live(&mut self, user: &str, today: &mut Today<'_>) {
        match self.says {
            Says::Trialing => self.is_tried(user, today),
            Says::Active => self.runs(user, today),
            Says::PastDue => self.waits_for_money(user, today),
            Says::Paused => self.rests(user, today),
            Says::Canceled | Says::Expired => self.is_over(user, today),
        }
    }

    fn is_tried(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        if self.tried_until > today.to {
            return;
        }
        let at = today.instant();
        let says = match today.dice.between(0, 9) {
            0 | 1 => Says::Canceled,
            2 => Says::Expired,
            3 => Says::PastDue,
            _ => Says::Active,
        };
        self.now(user, says, at, today);
    }

    fn runs(&mut self, user: &str, today: &mut Today<'_>) {
        if self.renews_at <= today.to {
            let due = self.renews_at;
            self.count_months(today);
            let paid_at = (due + TimeDelta::minutes(today.dice.between(0, 300))).min(today.to);
            if today.dice.chance(1_000) {
                self.now(user, Says::PastDue, paid_at, today);
            } else if self.tells_paid {
                self.renews(user, paid_at, today);
            }
            return;
        }
        let at = today.instant();
        match today.dice.between(0, 9_999) {
            0..40 => self.now(user, Says::Paused, at, today),
            40..80 => self.now(user, Says::Canceled, at, today),
            80..90 => {
                // Two things at once: the later in rank counts, whichever comes first.
                self.now(user, Says::Active, at, today);
                self.now(user, Says::Canceled, at, today);
            }
            90..140 => {
                self.plan = *today.dice.pick(&PLANS);
                self.now(user, Says::Active, at, today);
            }
            140..150 => {
                let ahead = today.to + TimeDelta::minutes(today.dice.between(1, 600));
                self.now(user, Says::Active, ahead, today);
            }
            _ => {}
        }
    }

    fn waits_for_money(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        let at = today.instant();
        match today.dice.between(0, 99) {
            0..15 => self.now(user, Says::Active, at, today),
            15..20 => {
                // A last reminder and the payment at once.
                self.now(user, Says::PastDue, at, today);
                self.now(user, Says::Active, at, today);
            }
            20..24 => self.now(user, Says::Canceled, at, today),
            24 => self.now(user, Says::Paused, at, today),
            // A reminder, perhaps after another plan was chosen.
            25..45 => self.now(user, Says::PastDue, at, today),
            45..48 => {
                self.plan = *today.dice.pick(&PLANS);
                self.now(user, Says::PastDue, at, today);
            }
            _ => {}
        }
    }

    fn rests(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        let at = today.instant();
        match today.dice.between(0, 99) {
            0..6 => self.now(user, Says::Active, at, today),
            6 => self.now(user, Says::Canceled, at, today),
            7 => self.now(user, Says::PastDue, at, today),
            _ => {}
        }
    }

    fn is_over(&mut self, user: &str, today: &mut Today<'_>) {
        self.count_months(today);
        if !today.dice.chance(150) {
            return;
        }
        let at = today.instant();
        if today.dice.chance(6_000) {
            self.id = format!("sub_{}", *today.next + 1);
            self.signed_at = at;
            self.renews_at = months::start(at, 1);
        }
        self.plan = *today.dice.pick(&PLANS);
        self.now(user, Says::Active, at, today);
    }

    fn count_months(&mut self, today: &Today<'_>) {
        while self.renews_at <= today.to {
            self.renews_at = months::after(self.signed_at, self.renews_at);
        }
    }
}
