//! The expected result of a command. It is computed from the wallets and all earlier commands,
//! independently of the ledger.

mod refusal;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Batch, Book, Command, Consume, Expire, Hold, Item, MAX_AMOUNT, MonthlyGrant, Outcome,
    Posting, Promotion, Purchase, Refusal, Rules, Skipped, Source, SubscriptionUpdate,
    TransactionType, Wallet,
};
use uuid::Uuid;

use super::{
    debts::{Change, Debts},
    history::{Histories, Month, Report},
    holds::Holds,
};

/// The expected result of a command.
pub struct Expected {
    pub refusal: Option<Refusal>,
    /// The credits that it moves, without those that repay a debt at once. `None` if periods are granted, because these are checked one by
    /// one.
    pub amount: Option<i64>,
    /// Whether the event is older than a known one.
    pub stale: bool,
    /// Whether a consumption is charged although its service has no price.
    pub default_price: bool,
    /// The reference and the transaction that credited the payment before.
    pub first: Option<(String, Uuid)>,
    /// The period that the job's command grants.
    pub grant: Option<Due>,
    /// What a revocation does to deposits.
    pub revoked: Vec<Change>,
}

/// A period that has to be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub subscription_id: String,
    pub month: Month,
}

/// The state before a command is decided.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub book: &'a Book,
    pub histories: &'a Histories,
    pub holds: &'a Holds,
    pub debts: &'a Debts,
    pub rules: &'a Rules,
    pub now: DateTime<Utc>,
}

/// The effective time of a command.
pub fn effective(command: &Command, rules: &Rules, now: DateTime<Utc>) -> DateTime<Utc> {
    let received = command.received_at.unwrap_or(now);
    let at = command.occurred_at.unwrap_or(received);
    at.clamp(received - rules.max_lateness, received)
}

/// The id and the event of a subscription, if the command is a subscription event.
pub fn report(command: &Command, now: DateTime<Utc>) -> Option<(&str, Report)> {
    let Action::Subscription(SubscriptionUpdate {
        subscription_id,
        plan,
        quantity,
        status,
        anchor,
        paid_through,
    }) = &command.action
    else {
        return None;
    };
    let received = command.received_at.unwrap_or(now);
    let report = Report {
        at: command.occurred_at.map_or(received, |at| at.min(received)),
        applied_at: now,
        status: *status,
        plan: plan.clone(),
        quantity: *quantity,
        anchor: *anchor,
        paid_through: *paid_through,
    };
    Some((subscription_id, report))
}

/// The latest start of a period that a command may grant. An event that is dated in the future
/// grants up to 5 minutes ahead.
pub fn horizon(command: &Command, now: DateTime<Utc>) -> DateTime<Utc> {
    let dated = command.occurred_at.unwrap_or(now);
    match command.action {
        Action::Subscription(_) => dated.clamp(now, now + TimeDelta::minutes(5)),
        _ => now,
    }
}

/// The credits that can be spent at `at`, summed up batch by batch.
pub fn spendable(wallet: &Wallet, at: DateTime<Utc>) -> i64 {
    let open = wallet
        .batches()
        .iter()
        .filter(|batch| batch.expires_at.is_none_or(|end| end > at));
    open.map(|batch| batch.remaining - batch.held).sum()
}

/// Whether the credits came from the batches that expire first: no spendable credits are left in a
/// batch before a batch that was used.
pub fn spent_first_expiring_first(before: &Wallet, outcome: &Outcome, at: DateTime<Utc>) -> bool {
    let taken: HashMap<Uuid, i64> = outcome
        .allocations
        .iter()
        .map(|a| (a.batch_id, -a.amount))
        .collect();
    let mut missing = -outcome.amount;
    let expected: HashMap<Uuid, i64> = in_spending_order(before, at)
        .into_iter()
        .filter_map(|batch| {
            let taken = missing.min(batch.remaining - batch.held);
            missing -= taken;
            (taken > 0).then_some((batch.id, taken))
        })
        .collect();
    missing == 0 && taken == expected
}

/// The batches that can be spent at `at`, in the order in which they are spent.
pub fn in_spending_order(wallet: &Wallet, at: DateTime<Utc>) -> Vec<&Batch> {
    let mut order: Vec<_> = wallet
        .batches()
        .iter()
        .filter(|b| b.expires_at.is_none_or(|end| end > at))
        .collect();
    order.sort_by(|a, b| {
        let end = |batch: &Batch| {
            batch
                .expires_at
                .map_or(i64::MAX, |end| end.timestamp_micros())
        };
        let paid = |batch: &Batch| batch.source == Source::Purchase;
        end(a)
            .cmp(&end(b))
            .then(paid(a).cmp(&paid(b)))
            .then(a.issued_at.cmp(&b.issued_at))
            .then(a.id.cmp(&b.id))
    });
    order
}

/// The cost of the use of a service.
pub fn cost(service: &str, amount: Option<i64>, quantity: Option<i64>) -> i128 {
    if let Some(amount) = amount {
        return i128::from(amount);
    }
    let quantity = i128::from(quantity.unwrap_or(1));
    match service {
        "google:fast" | "unpriced" => quantity,
        "google:image" => quantity * 5,
        "llm:tokens" => (quantity + 999) / 1000,
        "free" => 0,
        _ => quantity * i128::from(MAX_AMOUNT),
    }
}

impl<'a> Sight<'a> {
    pub fn expected(self, command: &Command) -> Expected {
        let refusal = self.refusal(command);
        let mut expected = Expected {
            refusal,
            amount: Some(0),
            stale: false,
            default_price: Self::is_priced_by_default(command, refusal),
            first: None,
            grant: None,
            revoked: Vec::new(),
        };
        if refusal == Some(Refusal::DuplicatePayment) {
            let first = self.credited(command);
            expected.first = first.map(|first| (first.reference_id.clone(), first.id));
        }
        match &command.action {
            Action::MonthlyGrant(MonthlyGrant {
                subscription_id,
                period_start,
            }) => {
                expected.amount = None;
                expected.grant = self.due_period(&command.user_id, subscription_id, *period_start);
            }
            Action::Subscription(_) => {
                expected.amount = None;
                expected.stale = report(command, self.now).is_some_and(|(id, event)| {
                    let known = self.histories.get(id);
                    known.is_some_and(|history| history.is_stale(&event))
                });
            }
            Action::Revoke(revoke) if refusal.is_none() => {
                expected.revoked = self.debts.changes(self, command, revoke);
                let taken = expected.revoked.iter().flat_map(|one| one.taken.values());
                expected.amount = Some(-taken.sum::<i64>());
            }
            _ if refusal.is_none() => expected.amount = Some(self.amount(command)),
            _ => {}
        }
        expected
    }

    /// The default price counts only if the price was looked up, not if the command was refused
    /// before that.
    fn is_priced_by_default(command: &Command, refusal: Option<Refusal>) -> bool {
        let is_unpriced = matches!(
            &command.action,
            Action::Consume(Consume { service, amount: None, .. })
                | Action::Hold(Hold { service, amount: None, .. }) if service == "unpriced"
        );
        is_unpriced && refusal.is_none_or(|code| code == Refusal::InsufficientCredits)
    }

    /// The user's periods that start at or before `until` and have to be granted now, in order.
    /// Periods of disabled plans are not included.
    pub fn due(self, user: &str, until: DateTime<Utc>) -> Vec<Due> {
        let own = self
            .histories
            .iter()
            .filter(|(_, history)| history.user == user);
        let due = own.flat_map(|(id, history)| {
            let months = history.due(self.rules, self.now, until).into_iter();
            months.map(|month| Due {
                subscription_id: id.clone(),
                month,
            })
        });
        let due = due.filter(|due| self.plan_refusal(&due.month.plan).is_none());
        let mut due: Vec<Due> = due.collect();
        due.sort_by_key(|due| (due.month.start, due.subscription_id.clone()));
        due
    }

    /// The time at which a command grants the next period of a user's subscriptions.
    pub fn next_due(self, user: &str) -> Option<DateTime<Utc>> {
        let own = self
            .histories
            .values()
            .filter(|history| history.user == user);
        own.filter_map(|history| history.next_due(self.rules, self.now))
            .min()
    }

    /// The period with this start, if it is due. The state of its plan does not matter.
    fn due_period(self, user: &str, id: &str, start: DateTime<Utc>) -> Option<Due> {
        let history = self
            .histories
            .get(id)
            .filter(|history| history.user == user)?;
        let mut months = history.due(self.rules, self.now, self.now).into_iter();
        let month = months.find(|month| month.start == start)?;
        Some(Due {
            subscription_id: id.to_owned(),
            month,
        })
    }

    /// The expiry of a period's credits.
    pub fn expiry(self, month: &Month) -> DateTime<Utc> {
        let days = self.rules.plans[&month.plan].validity_days;
        days.map_or(month.end, |days| month.start + TimeDelta::days(days))
    }

    /// The reason why a period of an enabled plan brings no credits.
    pub fn skipped(self, due: &Due) -> Option<Skipped> {
        if self.expiry(&due.month) <= self.now {
            return Some(Skipped::Expired);
        }
        let history = &self.histories[&due.subscription_id];
        let start = due.month.start;
        let is_covered = self.histories.values().any(|other| {
            other.user == history.user && !other.is_free && other.runs(self.rules, start)
        });
        (history.is_free && is_covered).then_some(Skipped::PaidPlan)
    }

    fn wallet(self, command: &Command) -> Option<&'a Wallet> {
        self.book.wallet(&command.user_id)
    }

    /// The free credits that fit into the wallet under the cap.
    fn headroom(self, command: &Command, at: DateTime<Utc>) -> i64 {
        let full = self
            .wallet(command)
            .map_or(0, |wallet| spendable(wallet, at));
        (self.rules.max_user_balance - full).max(0)
    }

    fn amount(self, command: &Command) -> i64 {
        let headroom = self.headroom(command, effective(command, self.rules, self.now));
        match &command.action {
            Action::Consume(Consume {
                service,
                amount,
                quantity,
            }) => -i64::try_from(cost(service, *amount, *quantity)).expect("a cost"),
            Action::Refund(refund) => {
                let left = self.left_to_refund(command, refund);
                refund.amount.or(left).expect("an original")
            }
            Action::RegistrationBonus => headroom.min(20),
            Action::Promotion(Promotion { amount, .. }) => headroom.min(*amount),
            Action::Purchase(Purchase {
                item: Item::Package(_),
                quantity,
                ..
            }) => 110 * quantity.unwrap_or(1),
            Action::Purchase(Purchase {
                item: Item::Price(_),
                quantity,
                ..
            }) => 170 * quantity.unwrap_or(1),
            Action::Purchase(Purchase {
                item: Item::Credits { credits, .. },
                ..
            }) => *credits,
            Action::Expire(Expire { cutoff }) => {
                let last = (*cutoff).min(self.now - self.rules.max_lateness);
                let batches = self.wallet(command).into_iter().flat_map(Wallet::batches);
                let expired = batches.filter(|b| b.expires_at.is_some_and(|end| end <= last));
                -expired
                    .map(|batch| batch.remaining - batch.held)
                    .sum::<i64>()
            }
            Action::Capture(capture) => {
                let wallet = self.wallet(command).expect("a wallet");
                let at = effective(command, self.rules, self.now);
                let taken = self.holds.capture(capture, command, wallet, at);
                -taken.expect("not refused").amount()
            }
            Action::Reinstate(reinstate) => self.debts.restored(command, reinstate),
            Action::Hold(_)
            | Action::Revoke(_)
            | Action::Forgive(_)
            | Action::Release(_)
            | Action::MonthlyGrant(_)
            | Action::Subscription(_)
            | Action::Freeze(_)
            | Action::Unfreeze(_) => 0,
        }
    }

    /// The posting that credited the payment of a purchase, searched among all postings.
    pub fn credited(self, command: &Command) -> Option<&'a Posting> {
        let Action::Purchase(Purchase {
            purchase_id,
            purchase_line,
            ..
        }) = &command.action
        else {
            return None;
        };
        self.book.postings().iter().find(|posting| {
            posting.kind == TransactionType::Purchase
                && posting.refusal.is_none()
                && posting.purchase_id.as_ref() == Some(purchase_id)
                && posting.purchase_line == *purchase_line
        })
    }
}
