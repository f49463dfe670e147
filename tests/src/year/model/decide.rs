//! One message.

use chrono::TimeDelta;

use super::{Account, Answer, Batch, Model, Subscription, subscription::News};
use crate::year::{
    At,
    message::{Item, Message, Says, What},
    rulebook::{FREE, LATENESS, PACKAGES, REGISTRATION},
};

/// Why a message is refused.
#[derive(Clone, Debug)]
pub struct Refused {
    pub code: &'static str,
    pub short: Option<(i64, i64)>,
}

impl Refused {
    pub const fn bare(code: &'static str) -> Self {
        Self { code, short: None }
    }

    /// Whether its reference is refused for ever.
    pub fn is_final(&self) -> bool {
        [
            "wallet_not_found",
            "wallet_frozen",
            "already_granted",
            "max_balance_reached",
            "insufficient_credits",
        ]
        .contains(&self.code)
    }
}

/// When a message is taken to have happened.
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

fn lasts(at: At, days: Option<i64>) -> Option<At> {
    days.map(|days| at + TimeDelta::hours(24 * days))
}

impl Model {
    pub(super) fn decide(&mut self, message: &Message, now: At) -> Result<Answer, Refused> {
        if !self.rules.enabled {
            return Err(Refused::bare("credits_disabled"));
        }
        let at = effective(message, now);
        let mut answer = Answer::default();
        match &message.what {
            What::Use {
                service,
                amount,
                quantity,
            } => {
                let cost = amount.unwrap_or_else(|| self.rules.price(service, quantity.unwrap_or(1)));
                let account = self.existing(&message.user)?;
                if account.is_frozen {
                    return Err(Refused::bare("wallet_frozen"));
                }
                let there = account.spendable(at);
                if there < cost {
                    return Err(Refused {
                        code: "insufficient_credits",
                        short: Some((cost, there)),
                    });
                }
                account.take(cost, at, &mut answer);
                account.record("consumption", -cost, message.reference.clone(), at, &mut answer);
            }
            What::Register => {
                if self.account(&message.user).is_registered {
                    return Err(Refused::bare("already_granted"));
                }
                let (credits, days) = (REGISTRATION.0, Some(REGISTRATION.1));
                self.give("registration_bonus", credits, days, message, at, &mut answer)?;
                let is_open = self.rules.plan(FREE).is_some_and(|plan| plan.enabled);
                let account = self.account(&message.user);
                account.is_registered = true;
                if is_open {
                    let free = Subscription::free(&message.user, FREE, at);
                    account.subscriptions.push(free);
                }
            }
            What::Promote(credits, days) => {
                self.give("promotion", *credits, *days, message, at, &mut answer)?;
            }
            What::Buy { item, cents, .. } => self.buy(item, *cents, message, at, &mut answer)?,
            What::Subscription {
                id,
                plan,
                says,
                anchor,
                paid_through,
            } => {
                let news = News {
                    plan: (*plan).to_owned(),
                    says: *says,
                    at: message
                        .occurred_at
                        .unwrap_or(now)
                        .min(now + TimeDelta::minutes(5)),
                    anchor: *anchor,
                    paid_through: *paid_through,
                };
                self.hear(message, id, &news, now, &mut answer)?;
            }
            What::Freeze | What::Unfreeze => {
                let freeze = message.what == What::Freeze;
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
        let room = (most - account.spendable(at)).max(0);
        if room == 0 {
            return Err(Refused::bare("max_balance_reached"));
        }
        let given = credits.min(room);
        answer.clipped = (given < credits).then_some(credits - given);
        let batch = Batch {
            amount: given,
            left: given,
            issued_at: at,
            expires_at: lasts(at, days),
            source: "BONUS",
            from: None,
            month: None,
            cents: None,
            swept: false,
        };
        account.add(batch, answer);
        account.record(kind, given, message.reference.clone(), at, answer);
        Ok(())
    }

    fn buy(
        &mut self,
        item: &Item,
        cents: Option<i64>,
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
            (_, Some((id, credits, bonus, days))) => (*credits, *bonus, Some(*days), Some((*id).to_owned())),
            (_, None) => return Err(Refused::bare("unknown_package")),
        };
        let most = self.rules.max_balance;
        let account = self.account(&message.user);
        let paid = Batch {
            amount: credits,
            left: credits,
            issued_at: at,
            expires_at: lasts(at, days),
            source: "PURCHASE",
            from,
            month: None,
            cents,
            swept: false,
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
            account.record("bonus", bonus, format!("bonus:{}", message.reference), at, answer);
        }
        answer.over_cap = account.spendable(at) > most;
        Ok(())
    }

    fn hear(
        &mut self,
        message: &Message,
        id: &str,
        news: &News,
        now: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let account = self.account(&message.user);
        let known = account.subscriptions.iter().position(|known| known.id == id);
        let is_old = known.is_some_and(|nth| account.subscriptions[nth].knows_better(news));
        if !is_old && matches!(news.says, Says::Active | Says::Trialing) {
            match self.rules.plan(&news.plan) {
                None => return Err(Refused::bare("unknown_plan")),
                Some(plan) if !plan.enabled => return Err(Refused::bare("plan_disabled")),
                Some(_) => {}
            }
        }
        let owner = self.owners.get(id);
        if owner.is_some_and(|owner| *owner != message.user) {
            return Err(Refused::bare("subscription_conflict"));
        }
        self.owners.insert(id.to_owned(), message.user.clone());
        answer.stale = is_old;
        let (rules, user) = (self.rules.clone(), message.user.as_str());
        let account = self.account(user);
        let reference = message.reference.clone();
        account.record("subscription", 0, reference, news.at, answer);
        let nth = known.unwrap_or_else(|| {
            account.subscriptions.push(Subscription::new(id, news));
            account.subscriptions.len() - 1
        });
        if is_old {
            self.account(user).subscriptions[nth].remember(news, &rules);
        } else {
            self.catch_up(user, nth, Some(news.at), now, answer);
            self.account(user).subscriptions[nth].hear(news, &rules);
        }
        self.catch_up(user, nth, None, now, answer);
        answer.balance = Some(self.account(user).balance());
        Ok(())
    }

    /// Grants every month of a subscription that is due, up to an instant.
    fn catch_up(&mut self, user: &str, nth: usize, until: Option<At>, now: At, answer: &mut Answer) {
        loop {
            let due = self.account(user).subscriptions[nth].clone();
            let month = due.due(&self.rules, now);
            let is_on = self.rules.plan(&due.plan).is_some_and(|plan| plan.enabled);
            let Some(month) = month.filter(|month| is_on && until.is_none_or(|until| *month < until)) else {
                return;
            };
            self.grant_month(user, nth, month, now, answer);
        }
    }
}
