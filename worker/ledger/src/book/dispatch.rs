//! Passes a command to the module that decides it, with the rows of the book that it needs.

use chrono::{DateTime, Utc};

use super::Book;
use crate::{
    action::{Action, Refund, Reinstate, Revoke, SubscriptionUpdate},
    capture, consume,
    decision::{Context, Verdict},
    expire, forgive, freeze, grant, hold,
    inconsistency::Inconsistency,
    monthly,
    posting::Posting,
    purchase, refund,
    refusal::Refusal,
    reinstate, repay,
    revocation_record::RevocationRecord,
    revoke,
    rules::Rules,
    subscribe,
    subscription::Subscription,
    wallet::WalletStatus,
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
            Action::Refund(refund) => self.refund(refund, context),
            Action::Hold(hold) => hold::decide(self.wallets.get_mut(user_id), hold, context),
            Action::Capture(capture) => {
                capture::decide(self.wallets.get_mut(user_id), capture, context)
            }
            Action::Release(release) => {
                hold::release(self.wallets.get_mut(user_id), release, context)
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
            Action::Revoke(revoke) => self.revoke(revoke, context),
            Action::Reinstate(reinstate) => self.reinstate(reinstate, context),
            Action::Forgive(forgive) => {
                let wallet = self.wallets.get_mut(user_id);
                forgive::decide(wallet, forgive, &mut self.debts, context)
            }
            Action::Expire(expire) => {
                let wallet = self.wallets.get_mut(user_id);
                expire::decide(wallet, *expire, context)
            }
        }
    }

    fn refund(
        &mut self,
        refund: &Refund,
        context: &mut Context<'_>,
    ) -> Result<Verdict, Inconsistency> {
        let (command, references) = (context.command, context.rules.references);
        let wallet = self.wallets.get_mut(&command.user_id);
        self.originals.add_posted(&self.postings, command, refund);
        let original = self.originals.named_by(command, refund, references);
        refund::decide(wallet, original, refund, &mut self.debts, context)
    }

    fn revoke(
        &mut self,
        revoke: &Revoke,
        context: &mut Context<'_>,
    ) -> Result<Verdict, Inconsistency> {
        let user_id = &context.command.user_id;
        self.deposits.add_posted(&self.postings, user_id);
        let mut rows = revoke::Rows {
            deposits: &mut self.deposits,
            debts: &mut self.debts,
            postings: &self.postings,
        };
        let wallet = self.wallets.get_mut(user_id);
        let verdict = revoke::decide(wallet, revoke, &mut rows, context)?;
        if let Verdict::Post(postings) = &verdict
            && let Some(revocation) = RevocationRecord::from_postings(postings)
        {
            self.revocations.add(revocation);
        }
        Ok(verdict)
    }

    fn reinstate(
        &mut self,
        reinstate: &Reinstate,
        context: &mut Context<'_>,
    ) -> Result<Verdict, Inconsistency> {
        let (command, references) = (context.command, context.rules.references);
        let wallet = self.wallets.get_mut(&command.user_id);
        let named = self
            .revocations
            .named_by(&reinstate.of, command, references);
        reinstate::decide(wallet, named, &mut self.deposits, &mut self.debts, context)
    }

    /// Repays the debts of the command's user with the credits that new postings have added.
    pub(super) fn repay(
        &mut self,
        postings: &mut Vec<Posting>,
        context: &mut Context<'_>,
    ) -> Result<(), Inconsistency> {
        match self.wallets.get_mut(&context.command.user_id) {
            Some(wallet) if wallet.debt > 0 => {
                repay::with_new_credits(wallet, &mut self.debts, postings, context)
            }
            _ => Ok(()),
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
