//! The decision about one message.

use chrono::TimeDelta;

use super::{
    Account, Answer, Batch, Model, Timeline,
    subscription::{AHEAD, ARRIVAL, Event},
};
use crate::{
    At,
    message::{Item, Message, Request, Status},
    rulebook::{FREE, LATENESS, PACKAGES, REGISTRATION},
};

/// The refusal of a message.
#[derive(Clone, Debug)]
pub struct Refused {
    pub code: &'static str,
    /// The required and the available credits of `insufficient_credits`, or of a refusal that says
    /// that the message names more than there is.
    pub short: Option<(i64, i64)>,
}

impl Refused {
    pub const fn bare(code: &'static str) -> Self {
        Self { code, short: None }
    }

    /// Whether the refusal is stored and repeated for its reference.
    pub fn is_final(&self) -> bool {
        [
            "wallet_not_found",
            "wallet_frozen",
            "already_granted",
            "hold_not_found",
            "hold_closed",
            "max_balance_reached",
            "insufficient_credits",
            "original_not_found",
            "refund_exceeds_consumption",
            "amount_paid_unknown",
            "revoke_exceeds_credits",
            "already_reinstated",
            "forgive_exceeds_debt",
            "duplicate_payment",
        ]
        .contains(&self.code)
    }
}

/// The effective time of a message.
pub fn effective(message: &Message, now: At) -> At {
    let claimed = message.occurred_at.unwrap_or(now);
    if claimed > now {
        now
    } else if claimed < now - LATENESS {
        now - LATENESS
    } else {
        claimed
    }
}

fn expiry(at: At, days: Option<i64>) -> Option<At> {
    days.map(|days| at + TimeDelta::hours(24 * days))
}

impl Model {
    pub(super) fn decide(&mut self, message: &Message, now: At) -> Result<Answer, Refused> {
        let at = effective(message, now);
        self.close_holds_before(message, at, now);
        let decided = self.decide_open(message, at, now);
        // The credits of a hold that was captured or released go back to batches that may have
        // expired. A capture may have found its hold open after its end.
        self.account(&message.user).close_ended(now, None);
        let mut answer = decided?;
        answer.available = Some(self.account(&message.user).spendable(now));
        Ok(answer)
    }

    fn decide_open(&mut self, message: &Message, at: At, now: At) -> Result<Answer, Refused> {
        if !self.rules.enabled {
            return Err(Refused::bare("credits_disabled"));
        }
        if !matches!(message.request, Request::Subscription { .. }) {
            self.grant_due_periods(&message.user, now);
        }
        let mut answer = Answer::default();
        match &message.request {
            Request::Use {
                service,
                amount,
                quantity,
            } => {
                let cost =
                    amount.unwrap_or_else(|| self.rules.price(service, quantity.unwrap_or(1)));
                let account = self.existing(&message.user)?;
                if account.is_frozen {
                    return Err(Refused::bare("wallet_frozen"));
                }
                let spendable = account.spendable(at);
                if spendable < cost {
                    return Err(Refused {
                        code: "insufficient_credits",
                        short: Some((cost, spendable)),
                    });
                }
                let taken = account.take(cost, at, &mut answer);
                account.record(
                    "consumption",
                    -cost,
                    message.reference.clone(),
                    at,
                    &mut answer,
                );
                let used = (message.user.clone(), message.reference.clone());
                self.taken.insert(used, taken);
            }
            Request::Refund { of, amount, .. } => {
                self.refund(message, of, *amount, at, &mut answer)?;
            }
            Request::Register => {
                if self.account(&message.user).is_registered {
                    return Err(Refused::bare("already_granted"));
                }
                let (credits, days) = (REGISTRATION.0, Some(REGISTRATION.1));
                self.give(
                    "registration_bonus",
                    credits,
                    days,
                    message,
                    at,
                    &mut answer,
                )?;
                let rules = self.rules.clone();
                let account = self.account(&message.user);
                account.is_registered = true;
                if rules.plan(FREE).is_some_and(|plan| plan.enabled) {
                    let free = Timeline::free(&message.user, FREE, at, &rules);
                    let next = free.next_due(&rules, now).expect("a later period");
                    account.next_due = Some(account.next_due.map_or(next, |other| other.min(next)));
                    self.timelines
                        .entry(message.user.clone())
                        .or_default()
                        .push(free);
                }
            }
            Request::Promote(credits, days) => {
                self.give("promotion", *credits, *days, message, at, &mut answer)?;
            }
            Request::Buy {
                item,
                payment,
                cents,
            } => {
                self.buy(item, (payment, *cents), message, at, &mut answer)?;
            }
            Request::Subscription {
                id,
                plan,
                status,
                anchor,
                paid_through,
            } => {
                let event = Event {
                    plan: (*plan).to_owned(),
                    status: *status,
                    at: message.occurred_at.unwrap_or(now).min(now),
                    known_at: now,
                    anchor: *anchor,
                    paid_through: *paid_through,
                };
                self.add_event(message, id, event, now, &mut answer)?;
            }
            Request::Hold { .. } => self.hold(message, (at, now), &mut answer)?,
            Request::Capture { .. } => self.capture(message, (at, now), &mut answer)?,
            Request::Release { hold } => self.release(message, hold, at, &mut answer)?,
            Request::Revoke { target, extent } => {
                self.revoke(message, (target, *extent), at, &mut answer)?;
            }
            Request::Reinstate { of } => self.reinstate(message, of, at, &mut answer)?,
            Request::Forgive(amount) => self.forgive(message, *amount, at, &mut answer)?,
            Request::Freeze | Request::Unfreeze => {
                let freeze = message.request == Request::Freeze;
                let account = self.existing(&message.user)?;
                account.is_frozen = freeze;
                let kind = if freeze { "freeze" } else { "unfreeze" };
                account.record(kind, 0, message.reference.clone(), at, &mut answer);
            }
        }
        if answer.clipped.is_some() {
            answer.granted = Some(answer.amount + answer.repaid.unwrap_or(0));
        }
        Ok(answer)
    }

    pub(super) fn account(&mut self, user: &str) -> &mut Account {
        self.accounts.entry(user.to_owned()).or_default()
    }

    pub(super) fn existing(&mut self, user: &str) -> Result<&mut Account, Refused> {
        let account = self.account(user);
        if account.is_open {
            Ok(account)
        } else {
            Err(Refused::bare("wallet_not_found"))
        }
    }

    fn give(
        &mut self,
        kind: &str,
        credits: i64,
        days: Option<i64>,
        message: &Message,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let most = self.rules.max_balance;
        let account = self.account(&message.user);
        let available = (most - account.spendable(at)).max(0);
        if available == 0 {
            return Err(Refused::bare("max_balance_reached"));
        }
        let given = credits.min(available);
        answer.clipped = (given < credits).then_some(credits - given);
        let batch = Batch {
            amount: given,
            left: given,
            issued_at: at,
            expires_at: expiry(at, days),
            source: "BONUS",
            from: None,
            month: None,
            micros: None,
            expired: false,
            revoked: false,
            root: 0,
        };
        let added = account.add(batch, answer);
        account.record(kind, given, message.reference.clone(), at, answer);
        self.deposited(&message.user, &message.reference, added, given);
        self.repay_with(&message.user, added, given, at, answer);
        Ok(())
    }

    fn buy(
        &mut self,
        item: &Item,
        (payment, cents): (&str, Option<i64>),
        message: &Message,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let package = PACKAGES.iter().find(|(id, ..)| match item {
            Item::Package(name) => name == id,
            Item::Price(price) => *price == format!("price_{id}"),
            Item::Credits(..) => false,
        });
        let (credits, bonus, days, from) = match (item, package) {
            (Item::Credits(credits, days), _) => (*credits, 0, *days, None),
            (_, Some((id, credits, bonus, days))) => {
                (*credits, *bonus, Some(*days), Some((*id).to_owned()))
            }
            (_, None) => return Err(Refused::bare("unknown_package")),
        };
        if !self.payments.insert(payment.to_owned()) {
            return Err(Refused::bare("duplicate_payment"));
        }
        let most = self.rules.max_balance;
        let account = self.account(&message.user);
        let paid = Batch {
            amount: credits,
            left: credits,
            issued_at: at,
            expires_at: expiry(at, days),
            source: "PURCHASE",
            from,
            month: None,
            micros: cents.map(|cents| cents * 10_000),
            expired: false,
            revoked: false,
            root: 0,
        };
        let free = Batch {
            amount: bonus,
            left: bonus,
            source: "BONUS",
            micros: None,
            ..paid.clone()
        };
        let paid = account.add(paid, answer);
        account.record("purchase", credits, message.reference.clone(), at, answer);
        let reference = format!("bonus:{}", message.reference);
        let mut free_batch = None;
        if bonus > 0 {
            free_batch = account.add(free, answer);
            account.record("bonus", bonus, reference.clone(), at, answer);
        }
        answer.over_cap = account.spendable(at) > most;
        let user = message.user.as_str();
        let purchase = self.deposited(user, &message.reference, paid, credits);
        let bonus_deposit = self.deposited(user, &reference, free_batch, bonus);
        let debts = self.debts.entry(user.to_owned()).or_default();
        debts.purchased(purchase.expect("credits"), payment, bonus_deposit);
        self.repay_with(user, paid, credits, at, answer);
        self.repay_with(user, free_batch, bonus, at, answer);
        Ok(())
    }

    fn add_event(
        &mut self,
        message: &Message,
        id: &str,
        event: Event,
        now: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let (rules, user) = (self.rules.clone(), message.user.as_str());
        let owner = self.owners.get(id);
        if owner.is_some_and(|owner| owner != user) {
            return Err(Refused::bare("subscription_conflict"));
        }
        if matches!(event.status, Status::Active | Status::Trialing) {
            match rules.plan(&event.plan) {
                None => return Err(Refused::bare("unknown_plan")),
                Some(plan) if !plan.enabled => return Err(Refused::bare("plan_disabled")),
                Some(_) => {}
            }
        }
        self.owners.insert(id.to_owned(), message.user.clone());
        let timelines = self.timelines.entry(message.user.clone()).or_default();
        let known = timelines.iter_mut().find(|timeline| timeline.row.id == id);
        answer.stale = known
            .as_ref()
            .is_some_and(|timeline| timeline.has_later_event(&event));
        let at = event.at;
        match known {
            Some(timeline) => timeline.add_event(event, &rules),
            None => timelines.push(Timeline::new(id, event, &rules)),
        }
        let reference = message.reference.clone();
        self.account(user)
            .record("subscription", 0, reference, at, answer);
        let dated = message.occurred_at.unwrap_or(now);
        let until = dated.min(now + AHEAD).max(now);
        self.grant_all(user, now, until, true, answer);
        let next = self.account(user).next_due;
        self.waited += u64::from(next.is_some_and(|next| next == now + ARRIVAL));
        answer.balance = Some(self.account(user).balance());
        Ok(())
    }
}
