//! The expected refusal of a command.

use chrono::{DateTime, Utc};
use ledger::{
    Action, Command, Consume, DebtPolicy, DefaultPrice, Hold, Item, MAX_AMOUNT, MonthlyGrant,
    Purchase, Refusal, SubscriptionStatus, SubscriptionUpdate, TransactionType, WalletStatus,
};

use super::{super::holds::expiry, Sight, cost, effective, spendable};

impl Sight<'_> {
    /// The refusal of the command, if any: the first one in order of precedence.
    pub(super) fn refusal(self, command: &Command) -> Option<Refusal> {
        let wallet = self.wallet(command);
        let at = effective(command, self.rules, self.now);
        let is_full = || (self.headroom(command, at) == 0).then_some(Refusal::MaxBalanceReached);
        if !self.rules.enabled && !matches!(command.action, Action::Expire(_)) {
            return Some(Refusal::CreditsDisabled);
        }
        match &command.action {
            Action::Consume(Consume {
                service,
                amount,
                quantity,
            }) => self.use_refusal(command, service, *amount, *quantity, None),
            Action::Refund(refund) => {
                if wallet.is_none() {
                    return Some(Refusal::WalletNotFound);
                }
                match self.left_to_refund(command, refund) {
                    None => Some(Refusal::OriginalNotFound),
                    Some(left)
                        if left == 0 || refund.amount.is_some_and(|amount| amount > left) =>
                    {
                        Some(Refusal::RefundExceedsConsumption)
                    }
                    Some(_) => None,
                }
            }
            Action::Hold(hold) => self.use_refusal(
                command,
                &hold.service,
                hold.amount,
                hold.quantity,
                Some(hold),
            ),
            Action::Capture(capture) => match wallet {
                None => Some(Refusal::WalletNotFound),
                Some(wallet) => self.holds.capture(capture, command, wallet, at).err(),
            },
            Action::Release(release) => match wallet {
                None => Some(Refusal::WalletNotFound),
                Some(_) => self.holds.release_refusal(&release.hold, command),
            },
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
            Action::Promotion(_) => is_full(),
            Action::Purchase(Purchase { item, .. }) => {
                let unknown = Item::Package("no such package".to_owned());
                if *item == unknown {
                    return Some(Refusal::UnknownPackage);
                }
                self.credited(command).map(|_| Refusal::DuplicatePayment)
            }
            Action::Subscription(SubscriptionUpdate {
                subscription_id,
                plan,
                status,
                ..
            }) => {
                let known = self.histories.get(subscription_id);
                if known.is_some_and(|history| history.user != command.user_id) {
                    return Some(Refusal::SubscriptionConflict);
                }
                let begins = matches!(
                    status,
                    SubscriptionStatus::Active | SubscriptionStatus::Trialing
                );
                self.plan_refusal(plan).filter(|_| begins)
            }
            Action::MonthlyGrant(MonthlyGrant {
                subscription_id,
                period_start,
            }) => self.grant_refusal(command, subscription_id, *period_start),
            Action::Revoke(revoke) => self.debts.revoke_refusal(self.book, command, revoke),
            Action::Reinstate(reinstate) => match wallet {
                None => Some(Refusal::WalletNotFound),
                Some(_) => self.debts.reinstate_refusal(command, reinstate),
            },
            Action::Forgive(forgive) => match wallet {
                None => Some(Refusal::WalletNotFound),
                Some(_) => self.debts.forgive_refusal(command, forgive),
            },
            Action::Freeze(_) | Action::Unfreeze(_) | Action::Expire(_) => {
                wallet.is_none().then_some(Refusal::WalletNotFound)
            }
        }
    }

    /// The refusal of a consumption or a hold.
    fn use_refusal(
        self,
        command: &Command,
        service: &str,
        amount: Option<i64>,
        quantity: Option<i64>,
        hold: Option<&Hold>,
    ) -> Option<Refusal> {
        let at = effective(command, self.rules, self.now);
        let is_unpriced = service == "unpriced" && amount.is_none();
        if is_unpriced && self.rules.default_price == DefaultPrice::Reject {
            return Some(Refusal::UnknownService);
        }
        let cost = cost(service, amount, quantity);
        if cost > i128::from(MAX_AMOUNT) {
            return Some(Refusal::InvalidAmount);
        }
        if hold.is_some_and(|hold| expiry(hold, at, self.rules).is_none()) {
            return Some(Refusal::InvalidExpiry);
        }
        match self.wallet(command) {
            None => Some(Refusal::WalletNotFound),
            Some(wallet) if wallet.status == WalletStatus::Frozen => Some(Refusal::WalletFrozen),
            Some(_) if self.blocks(command) => Some(Refusal::DebtOutstanding),
            Some(wallet) => {
                let available = i128::from(spendable(wallet, at));
                (cost > available).then_some(Refusal::InsufficientCredits)
            }
        }
    }

    /// Whether the user may not spend because of a debt.
    fn blocks(self, command: &Command) -> bool {
        self.rules.debt_policy == DebtPolicy::Block && self.debts.owed(&command.user_id) > 0
    }

    fn grant_refusal(self, command: &Command, id: &str, start: DateTime<Utc>) -> Option<Refusal> {
        let is_named = command.reference_id == format!("grant:{id}:{}", start.format("%Y-%m-%d"));
        let due = self.due_period(&command.user_id, id, start);
        let Some(due) = due.filter(|_| is_named) else {
            return Some(Refusal::NotDue);
        };
        if let Some(refusal) = self.plan_refusal(&due.month.plan) {
            return Some(refusal);
        }
        let is_full = self.skipped(&due).is_none() && self.headroom(command, self.now) == 0;
        is_full.then_some(Refusal::MaxBalanceReached)
    }

    pub(super) fn plan_refusal(self, plan: &str) -> Option<Refusal> {
        match self.rules.plans.get(plan) {
            None => Some(Refusal::UnknownPlan),
            Some(plan) => (!plan.enabled).then_some(Refusal::PlanDisabled),
        }
    }
}
