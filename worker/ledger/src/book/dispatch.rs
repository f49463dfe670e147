//! Passes a command to the module that decides it, with the rows of the book that it needs.

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    action::{Action, SubscriptionUpdate},
    consume,
    decision::{Context, Verdict},
    expire, freeze, grant, monthly, purchase,
    refusal::Refusal,
    rules::Rules,
    subscribe,
    subscription::Subscription,
    wallet::{Inconsistency, WalletStatus},
};

impl Book {
    /// Decides a command that has not been decided before.
    pub(super) fn dispatch(&mut self, context: &mut Context<'_>) -> Result<Verdict, Inconsistency> {
        if !context.rules.enabled && !matches!(context.command.action, Action::Expire(_)) {
            return Ok(Refusal::CreditsDisabled.into());
        }
        let user_id = &context.command.user_id;
        match &context.command.action {
            Action::Consume(consume) => {
                consume::decide(self.wallets.get_mut(user_id), consume, context)
            }
            Action::RegistrationBonus => self.register(context),
            Action::Promotion(promotion) => {
                grant::promotion(self.wallets.get_or_add(context), *promotion, context)
            }
            Action::Purchase(purchase) => {
                let wallet = self.wallets.get_or_add(context);
                purchase::decide(wallet, purchase, &mut self.payments, context)
            }
            Action::MonthlyGrant(grant) => {
                let wallet = self.wallets.get_mut(user_id);
                let subscriptions = self.subscriptions.get_mut(user_id);
                let subscriptions = subscriptions.map_or(&mut [][..], Vec::as_mut_slice);
                monthly::decide(wallet, subscriptions, grant, context)
            }
            Action::Subscription(update) => self.subscribe(update, context),
            Action::Freeze(_) => {
                freeze::decide(self.wallets.get_mut(user_id), WalletStatus::Frozen, context)
            }
            Action::Unfreeze(_) => {
                freeze::decide(self.wallets.get_mut(user_id), WalletStatus::Active, context)
            }
            Action::Expire(expire) => {
                let wallet = self.wallets.get_mut(user_id);
                expire::decide(wallet, *expire, context)
            }
        }
    }

    fn register(&mut self, context: &mut Context<'_>) -> Result<Verdict, Inconsistency> {
        let user_id = &context.command.user_id;
        if self.registered.contains(user_id) {
            return Ok(Refusal::AlreadyGranted.into());
        }
        let wallet = self.wallets.get_or_add(context);
        let verdict = grant::registration_bonus(wallet, context)?;
        if matches!(verdict, Verdict::Post(_)) {
            self.registered.insert(user_id.clone());
            if let Some(free) = grant::free_subscription(context) {
                self.open_subscription(free, context.rules, context.now);
            }
        }
        Ok(verdict)
    }

    fn subscribe(
        &mut self,
        update: &SubscriptionUpdate,
        context: &mut Context<'_>,
    ) -> Result<Verdict, Inconsistency> {
        let user_id = &context.command.user_id;
        let id = &update.subscription_id;
        if self.owners.get(id).is_some_and(|owner| owner != user_id) {
            return Ok(Refusal::SubscriptionConflict.into());
        }
        let subscriptions = self.subscriptions.entry(user_id.clone()).or_default();
        let wallet = self.wallets.get_or_add(context);
        let verdict = subscribe::decide(wallet, subscriptions, update, context)?;
        if matches!(verdict, Verdict::Post(_)) {
            self.owners.insert(id.clone(), user_id.clone());
        }
        Ok(verdict)
    }

    /// Adds a new subscription, unless it is known.
    fn open_subscription(&mut self, subscription: Subscription, rules: &Rules, now: DateTime<Utc>) {
        let known = self.subscriptions(&subscription.user_id);
        if known.iter().any(|one| one.id == subscription.id) {
            return;
        }
        if let Some(wallet) = self.wallets.get_mut(&subscription.user_id) {
            let both = [wallet.next_due_at, subscription.next_due_at(rules, now)];
            wallet.next_due_at = both.into_iter().flatten().min();
        }
        self.insert_subscription(subscription);
    }
}
