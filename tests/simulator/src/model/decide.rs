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
    /// The required and the available credits of `insufficient_credits`.
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
            "max_balance_reached",
            "insufficient_credits",
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
        if !self.rules.enabled {
            return Err(Refused::bare("credits_disabled"));
        }
        if !matches!(message.request, Request::Subscription { .. }) {
            self.grant_due_periods(&message.user, now);
        }
        let at = effective(message, now);
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
                account.take(cost, at, &mut answer);
                account.record(
                    "consumption",
                    -cost,
                    message.reference.clone(),
                    at,
                    &mut answer,
                );
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
            Request::Freeze | Request::Unfreeze => {
                let freeze = message.request == Request::Freeze;
                let account = self.existing(&message.user)?;
                account.is_frozen = freeze;
                let kind = if freeze { "freeze" } else { "unfreeze" };
                account.record(kind, 0, message.reference.clone(), at, &mut answer);
            }
        }
        answer.available = Some(self.account(&message.user).spendable(now));
        if answer.clipped.is_some() {
            answer.granted = Some(answer.amount);
        }
        Ok(answer)
    }

    pub(super) fn account(&mut self, user: &str) -> &mut Account {
        self.accounts.entry(user.to_owned()).or_default()
    }

    fn existing(&mut self, user: &str) -> Result<&mut Account, Refused> {
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
            cents: None,
            expired: false,
        };
        account.add(batch, answer);
        account.record(kind, given, message.reference.clone(), at, answer);
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
            cents,
            expired: false,
        };
        let free = Batch {
            amount: bonus,
            left: bonus,
            source: "BONUS",
            cents: None,
            ..paid.clone()
        };
        account.add(paid, answer);
        account.record("purchase", credits, message.reference.clone(), at, answer);
        if bonus > 0 {
            account.add(free, answer);
            account.record(
                "bonus",
                bonus,
                format!("bonus:{}", message.reference),
                at,
                answer,
            );
        }
        answer.over_cap = account.spendable(at) > most;
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
