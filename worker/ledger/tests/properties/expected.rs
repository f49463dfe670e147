//! What has to become of a command, worked out from what is in the book by other means than the ledger's.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Batch, Book, Command, DefaultPrice, Item, MAX_AMOUNT, Outcome, Period, Posting, Refusal, Rules,
    Skipped, Source, Subscription, SubscriptionStatus, TransactionType, Wallet, WalletStatus,
};
use uuid::Uuid;

use super::steps::USERS;

/// What has to become of a command.
pub struct Expected {
    pub refusal: Option<Refusal>,
    /// What it moves; absent for an event, whose grants are looked at one by one.
    pub amount: Option<i64>,
    pub skipped: Option<Skipped>,
    pub stale: bool,
    /// A consumption is priced although its service has no price.
    pub default_price: bool,
    /// Reference and transaction that credited the payment before.
    pub first: Option<(String, Uuid)>,
    /// The plans whose credits it may grant.
    pub plans: Vec<String>,
}

/// What can be known before a command is decided.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub book: &'a Book,
    pub rules: &'a Rules,
    pub now: DateTime<Utc>,
}

/// When a command counts: not longer ago than lateness allows, and not later than now.
pub fn effective(command: &Command, rules: &Rules, now: DateTime<Utc>) -> DateTime<Utc> {
    let at = command.occurred_at.unwrap_or(now);
    at.clamp(now - rules.max_lateness, now)
}

/// What can be spent at `at`, summed up batch by batch.
pub fn spendable(wallet: &Wallet, at: DateTime<Utc>) -> i64 {
    let open = wallet
        .batches()
        .iter()
        .filter(|batch| batch.expires_at.is_none_or(|end| end > at));
    open.map(|batch| batch.remaining - batch.held).sum()
}

/// Credits came from the batches that expire first: whatever was touched, nothing spendable stands before it.
pub fn spent_first_expiring_first(before: &Wallet, outcome: &Outcome, at: DateTime<Utc>) -> bool {
    let taken: HashMap<Uuid, i64> = outcome
        .allocations
        .iter()
        .map(|a| (a.batch_id, -a.amount))
        .collect();
    let mut order: Vec<_> = before
        .batches()
        .iter()
        .filter(|b| b.expires_at.is_none_or(|end| end > at))
        .collect();
    order.sort_by(|a, b| {
        let end = |batch: &Batch| batch.expires_at.map_or(i64::MAX, |end| end.timestamp_micros());
        let paid = |batch: &Batch| batch.source == Source::Purchase;
        end(a)
            .cmp(&end(b))
            .then(paid(a).cmp(&paid(b)))
            .then(a.issued_at.cmp(&b.issued_at))
            .then(a.id.cmp(&b.id))
    });
    let mut missing = -outcome.amount;
    let expected: HashMap<Uuid, i64> = order
        .into_iter()
        .filter_map(|batch| {
            let taken = missing.min(batch.remaining - batch.held);
            missing -= taken;
            (taken > 0).then_some((batch.id, taken))
        })
        .collect();
    missing == 0 && taken == expected
}

/// What a consumption costs.
fn cost(service: &str, amount: Option<i64>, quantity: Option<i64>) -> i128 {
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

/// Of two events of one instant the one with the higher rank counts.
fn rank(status: SubscriptionStatus) -> u8 {
    match status {
        SubscriptionStatus::Canceled | SubscriptionStatus::Expired => 2,
        SubscriptionStatus::Active => 1,
        _ => 0,
    }
}

/// Whether the default price counts for a command: it does not where the command is refused before it is priced.
fn is_priced_by_default(command: &Command, refusal: Option<Refusal>) -> bool {
    let is_unpriced = matches!(
        &command.action,
        Action::Consume { service, amount: None, .. } if service == "unpriced"
    );
    is_unpriced && refusal.is_none_or(|code| code == Refusal::InsufficientCredits)
}

impl<'a> Sight<'a> {
    pub fn expected(self, command: &Command) -> Expected {
        let refusal = self.refusal(command);
        let mut expected = Expected {
            refusal,
            amount: Some(0),
            skipped: None,
            stale: false,
            default_price: is_priced_by_default(command, refusal),
            first: None,
            plans: Vec::new(),
        };
        if refusal == Some(Refusal::DuplicatePayment) {
            let first = self.credited(command);
            expected.first = first.map(|first| (first.reference_id.clone(), first.id));
        }
        if refusal.is_some() {
            return expected;
        }
        let known = |id: &str| self.subscription(&command.user_id, id);
        match &command.action {
            Action::MonthlyGrant {
                subscription_id,
                period_start,
            } => {
                let known = known(subscription_id).expect("a subscription");
                expected.skipped = self.skipped(known, *period_start);
                expected.amount = Some(match expected.skipped {
                    Some(_) => 0,
                    None => self
                        .room(command, self.now)
                        .min(self.rules.plans[&known.plan].credits),
                });
                expected.plans.push(known.plan.clone());
            }
            Action::Subscription {
                subscription_id,
                plan,
                ..
            } => {
                expected.amount = None;
                expected.stale = self.is_stale(command);
                expected.plans.push(plan.clone());
                expected
                    .plans
                    .extend(known(subscription_id).map(|known| known.plan.clone()));
            }
            _ => expected.amount = Some(self.amount(command)),
        }
        expected
    }

    fn wallet(self, command: &Command) -> Option<&'a Wallet> {
        self.book.wallet(&command.user_id)
    }

    fn subscription(self, user: &str, id: &str) -> Option<&'a Subscription> {
        self.book.subscriptions(user).iter().find(|one| one.id == id)
    }

    /// How many free credits the wallet can take.
    fn room(self, command: &Command, at: DateTime<Utc>) -> i64 {
        let full = self.wallet(command).map_or(0, |wallet| spendable(wallet, at));
        (self.rules.max_user_balance - full).max(0)
    }

    fn amount(self, command: &Command) -> i64 {
        let room = self.room(command, effective(command, self.rules, self.now));
        match &command.action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => -i64::try_from(cost(service, *amount, *quantity)).expect("a cost"),
            Action::RegistrationBonus => room.min(20),
            Action::Promotion { amount, .. } => room.min(*amount),
            Action::Purchase {
                item: Item::Package(_),
                ..
            } => 110,
            Action::Purchase {
                item: Item::Price(_), ..
            } => 170,
            Action::Purchase {
                item: Item::Credits { credits, .. },
                ..
            } => *credits,
            Action::Expire { cutoff } => {
                let last = (*cutoff).min(self.now - self.rules.max_lateness);
                let batches = self.wallet(command).into_iter().flat_map(Wallet::batches);
                let lapsed = batches.filter(|b| b.expires_at.is_some_and(|end| end <= last));
                -lapsed.map(|batch| batch.remaining - batch.held).sum::<i64>()
            }
            Action::MonthlyGrant { .. }
            | Action::Subscription { .. }
            | Action::Freeze { .. }
            | Action::Unfreeze { .. } => 0,
        }
    }

    /// Why the command is refused, if it is: the first reason in the order of precedence.
    fn refusal(self, command: &Command) -> Option<Refusal> {
        let wallet = self.wallet(command);
        let at = effective(command, self.rules, self.now);
        let is_full = || (self.room(command, at) == 0).then_some(Refusal::MaxBalanceReached);
        if !self.rules.enabled && !matches!(command.action, Action::Expire { .. }) {
            return Some(Refusal::CreditsDisabled);
        }
        match &command.action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => {
                let is_unpriced = service == "unpriced" && amount.is_none();
                if is_unpriced && self.rules.default_price == DefaultPrice::Reject {
                    return Some(Refusal::UnknownService);
                }
                let cost = cost(service, *amount, *quantity);
                if cost > i128::from(MAX_AMOUNT) {
                    return Some(Refusal::InvalidAmount);
                }
                match wallet {
                    None => Some(Refusal::WalletNotFound),
                    Some(wallet) if wallet.status == WalletStatus::Frozen => Some(Refusal::WalletFrozen),
                    Some(wallet) => {
                        let available = i128::from(spendable(wallet, at));
                        (cost > available).then_some(Refusal::InsufficientCredits)
                    }
                }
            }
            Action::RegistrationBonus => {
                let had = self.book.postings().iter().any(|posting| {
                    posting.user_id == command.user_id
                        && posting.kind == TransactionType::RegistrationBonus
                        && posting.refusal.is_none()
                });
                if had {
                    Some(Refusal::AlreadyGranted)
                } else {
                    is_full()
                }
            }
            Action::Promotion { .. } => is_full(),
            Action::Purchase { item, .. } => {
                let unknown = Item::Package("no such package".to_owned());
                if *item == unknown {
                    return Some(Refusal::UnknownPackage);
                }
                self.credited(command).map(|_| Refusal::DuplicatePayment)
            }
            Action::Subscription {
                subscription_id,
                plan,
                status,
                ..
            } => {
                let mut others = USERS.into_iter().filter(|user| *user != command.user_id);
                if others.any(|user| self.subscription(user, subscription_id).is_some()) {
                    return Some(Refusal::SubscriptionConflict);
                }
                let begins = matches!(status, SubscriptionStatus::Active | SubscriptionStatus::Trialing);
                self.plan_refusal(plan)
                    .filter(|_| begins && !self.is_stale(command))
            }
            Action::MonthlyGrant {
                subscription_id,
                period_start,
            } => self.grant_refusal(command, subscription_id, *period_start),
            Action::Freeze { .. } | Action::Unfreeze { .. } | Action::Expire { .. } => {
                wallet.is_none().then_some(Refusal::WalletNotFound)
            }
        }
    }

    /// The posting that credited the payment that a purchase reports, looked for among all of them.
    pub fn credited(self, command: &Command) -> Option<&'a Posting> {
        let Action::Purchase {
            purchase_id,
            purchase_line,
            ..
        } = &command.action
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

    fn grant_refusal(self, command: &Command, id: &str, start: DateTime<Utc>) -> Option<Refusal> {
        let Some(known) = self.subscription(&command.user_id, id) else {
            return Some(Refusal::NotDue);
        };
        if let Some(refusal) = self.plan_refusal(&known.plan) {
            return Some(refusal);
        }
        let reference = format!("grant:{id}:{}", start.format("%Y-%m-%d"));
        if command.reference_id != reference || !self.is_due(known, start) {
            return Some(Refusal::NotDue);
        }
        let is_full = self.skipped(known, start).is_none() && self.room(command, self.now) == 0;
        is_full.then_some(Refusal::MaxBalanceReached)
    }

    fn plan_refusal(self, plan: &str) -> Option<Refusal> {
        match self.rules.plans.get(plan) {
            None => Some(Refusal::UnknownPlan),
            Some(plan) => (!plan.enabled).then_some(Refusal::PlanDisabled),
        }
    }

    /// Whether something later is known than what the event says.
    fn is_stale(&self, command: &Command) -> bool {
        let Action::Subscription {
            subscription_id,
            status,
            ..
        } = &command.action
        else {
            return false;
        };
        let ahead = self.now + TimeDelta::minutes(5);
        let at = command.occurred_at.map_or(self.now, |at| at.min(ahead));
        self.subscription(&command.user_id, subscription_id)
            .is_some_and(|known| (at, rank(*status)) < (known.status_at, rank(known.status)))
    }

    /// Whether that period is the next one, has begun, is paid and is granted.
    fn is_due(&self, known: &Subscription, start: DateTime<Utc>) -> bool {
        known.next_period_start == Some(start)
            && start <= self.now
            && known.paid_through.is_none_or(|end| start < end)
            && self.runs(known, start)
    }

    /// Whether a subscription is granted at an instant.
    fn runs(self, known: &Subscription, at: DateTime<Utc>) -> bool {
        let by_status = match known.status {
            SubscriptionStatus::PastDue => at < known.status_at + self.rules.past_due_grace,
            SubscriptionStatus::Trialing => self.rules.trial_grants || at < known.status_at,
            _ => true,
        };
        by_status && known.ended_at.is_none_or(|end| at < end)
    }

    /// Why a period of a plan that is granted brings nothing.
    fn skipped(self, known: &Subscription, start: DateTime<Utc>) -> Option<Skipped> {
        let lapses = match self.rules.plans[&known.plan].validity_days {
            Some(days) => start + TimeDelta::days(days),
            None => Period::containing(known.anchor, start).end,
        };
        if lapses <= self.now {
            return Some(Skipped::Lapsed);
        }
        let is_free = known.id == format!("free:{}", known.user_id);
        let covered = self.book.subscriptions(&known.user_id).iter().any(|other| {
            other.id != known.id
                && other.activated_at.is_some_and(|since| since <= start)
                && self.runs(other, start)
        });
        (is_free && covered).then_some(Skipped::PaidPlan)
    }
}
