//! Passes a command to the module that decides it, with the rows of the book that it needs.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    account,
    command::Action,
    consume,
    decision::{Context, Verdict},
    expire, grant, monthly,
    payment::PaymentKey,
    purchase,
    refusal::Refusal,
    rules::Rules,
    subscribe,
    subscription::Subscription,
    timeline::Event,
    wallet::{Inconsistency, Wallet, WalletStatus},
};

impl Book {
    /// Decides a command that has not been decided before.
    pub(super) fn judge(&mut self, context: &mut Context<'_>) -> Result<Verdict, Inconsistency> {
        if !context.rules.enabled && !matches!(context.command.action, Action::Expire { .. }) {
            return Ok(Refusal::CreditsDisabled.into());
        }
        match &context.command.action {
            Action::Consume {
                service,
                amount,
                quantity,
            } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                consume::decide(wallet, service, *amount, *quantity, context)
            }
            Action::RegistrationBonus => {
                if self.registered.contains(&context.command.user_id) {
                    return Ok(Refusal::AlreadyGranted.into());
                }
                let wallet = open(&mut self.wallets, context);
                let verdict = grant::registration_bonus(wallet, context)?;
                if matches!(verdict, Verdict::Post(_)) {
                    self.registered.insert(context.command.user_id.clone());
                    if let Some(free) = grant::free_subscription(context) {
                        self.open_subscription(free, context.rules, context.now);
                    }
                }
                Ok(verdict)
            }
            Action::Promotion {
                amount,
                validity_days,
            } => grant::promotion(
                open(&mut self.wallets, context),
                *amount,
                *validity_days,
                context,
            ),
            Action::Purchase {
                item,
                purchase_id,
                purchase_line,
                paid_micros,
                currency,
            } => {
                let lot = match purchase::lot(item, context.rules) {
                    Ok(lot) => lot,
                    Err(refusal) => return Ok(refusal.into()),
                };
                let payment = purchase::Payment {
                    key: PaymentKey {
                        purchase_id: purchase_id.clone(),
                        purchase_line: purchase_line.clone(),
                    },
                    paid_micros: *paid_micros,
                    currency: currency.as_ref(),
                };
                let wallet = open(&mut self.wallets, context);
                purchase::decide(wallet, &lot, payment, &mut self.payments, context)
            }
            Action::MonthlyGrant {
                subscription_id,
                period_start,
            } => {
                let user_id = &context.command.user_id;
                let wallet = self.wallets.get_mut(user_id).filter(|wallet| wallet.open);
                let subscriptions = self.subscriptions.get_mut(user_id);
                let subscriptions = subscriptions.map_or(&mut [][..], Vec::as_mut_slice);
                monthly::decide(
                    wallet,
                    subscriptions,
                    (subscription_id, *period_start),
                    context,
                )
            }
            Action::Subscription {
                subscription_id,
                plan,
                status,
                anchor,
                paid_through,
            } => {
                let event = Event {
                    at: context.command.event_at(context.now),
                    applied_at: context.now,
                    status: *status,
                    plan: plan.clone(),
                    anchor: *anchor,
                    paid_through: *paid_through,
                };
                self.subscribe(subscription_id, event, context)
            }
            Action::Freeze { .. } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                account::decide(wallet, WalletStatus::Frozen, context)
            }
            Action::Unfreeze { .. } => {
                let wallet = self.wallets.get_mut(&context.command.user_id);
                account::decide(wallet, WalletStatus::Active, context)
            }
            Action::Expire { cutoff } => {
                let wallet = self
                    .wallets
                    .get_mut(&context.command.user_id)
                    .filter(|wallet| wallet.open);
                expire::decide(wallet, *cutoff, context)
            }
        }
    }

    fn subscribe(
        &mut self,
        id: &str,
        event: Event,
        context: &mut Context<'_>,
    ) -> Result<Verdict, Inconsistency> {
        let user_id = &context.command.user_id;
        if self.owners.get(id).is_some_and(|owner| owner != user_id) {
            return Ok(Refusal::SubscriptionConflict.into());
        }
        let subscriptions = self.subscriptions.entry(user_id.clone()).or_default();
        let wallet = open(&mut self.wallets, context);
        let verdict = subscribe::decide(wallet, subscriptions, (id, event), context)?;
        if matches!(verdict, Verdict::Post(_)) {
            self.owners.insert(id.to_owned(), user_id.clone());
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
            wallet.set_next_due_at(both.into_iter().flatten().min());
        }
        self.add_subscription(subscription);
    }
}

/// Returns the wallet of the command's user, or prepares one.
fn open<'a>(wallets: &'a mut HashMap<String, Wallet>, context: &mut Context<'_>) -> &'a mut Wallet {
    match wallets.entry(context.command.user_id.clone()) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let wallet = Wallet::prepared(context.id(), entry.key().clone());
            entry.insert(wallet)
        }
    }
}
