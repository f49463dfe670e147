//! Checks that a command that was decided for the first time has the expected result.

use ledger::{
    Action, Command, Outcome, Posting, Refusal, Status, TransactionType, Wallet, WalletStatus,
};
use proptest::prelude::*;

use super::{
    Run,
    expected::{Expected, effective, horizon, report, spendable, spent_first_expiring_first},
    grants::Granted,
    history::History,
    holds::{Taken, check_expired},
    refunds,
    state::State,
};

impl Run {
    pub(super) fn check_first(
        &mut self,
        command: &Command,
        outcome: &Outcome,
        before: &State,
        expected: &Expected,
    ) -> Result<(), TestCaseError> {
        let is_expiry = matches!(command.action, Action::Expire(_));
        let (new, expired): (Vec<_>, Vec<_>) = self.book.postings()[before.posted..]
            .iter()
            .cloned()
            .partition(|posting| is_expiry || posting.kind != TransactionType::Expiration);
        let (repaid, moved): (Vec<_>, Vec<_>) = new
            .iter()
            .cloned()
            .partition(|posting| posting.kind == TransactionType::Repayment);
        let expired_amount: i64 = expired.iter().map(|posting| posting.amount).sum();
        prop_assert_eq!(
            outcome.amount,
            new.iter().map(|posting| posting.amount).sum::<i64>()
        );
        let clipped: Vec<i64> = new
            .iter()
            .filter_map(|posting| posting.detail.clipped)
            .collect();
        let clipped = (!clipped.is_empty()).then(|| clipped.iter().sum());
        prop_assert_eq!(outcome.clipped, clipped, "all that did not fit");
        let was = before.wallet(&command.user_id).cloned();
        let is = self.book.wallet(&command.user_id).cloned();
        let balance = |wallet: &Option<Wallet>| wallet.as_ref().map_or(0, |wallet| wallet.balance);
        prop_assert_eq!(
            balance(&is) - balance(&was),
            outcome.amount + expired_amount,
            "the outcome contains the change of the balance"
        );
        let refusal = outcome.refused.as_ref().map(|refused| refused.code);
        prop_assert!(
            refusal == expected.refusal,
            "expected was {:?}, not {refusal:?}: {command:?}",
            expected.refusal
        );
        prop_assert_eq!(outcome.default_price, expected.default_price);
        let at = effective(command, &self.rules, self.now);
        if outcome.status() == Status::Failed {
            let first = outcome
                .refused
                .as_ref()
                .and_then(|refused| refused.first.clone());
            let first = first.map(|first| (first.reference_id, first.transaction_id));
            prop_assert_eq!(
                &first,
                &expected.first,
                "it names what credited the payment"
            );
            self.check_failed(command, outcome, before, &new)?;
            self.end_holds(command, was.as_ref(), &expired)?;
        } else {
            let wallet = is.as_ref().expect("an open wallet");
            let amount = outcome.amount - repaid.iter().map(|one| one.amount).sum::<i64>();
            prop_assert_eq!(expected.amount.unwrap_or(amount), amount);
            prop_assert_eq!(outcome.stale, expected.stale);
            prop_assert_eq!(outcome.balance, Some(wallet.balance - expired_amount));
            if let Some(was) = &was {
                self.check_hold(command, outcome, was)?;
                self.holds
                    .apply(command, was, outcome, (&self.rules, self.now));
            }
            self.end_holds(command, was.as_ref(), &expired)?;
            prop_assert_eq!(outcome.available, Some(spendable(wallet, self.now)));
            prop_assert_eq!(wallet.status, self.status(command, was.as_ref(), &new));
        }
        self.check_debts(command, before, expected, (&new, outcome))?;
        let (was, is) = (was.as_ref(), is.as_ref());
        match (&command.action, was, is) {
            (Action::MonthlyGrant(_), _, Some(is)) if !new.is_empty() => {
                prop_assert_eq!(outcome.skipped, new[0].detail.skipped);
                let postings = &moved[..];
                let granted = Granted {
                    postings,
                    event: None,
                    was,
                    is,
                };
                granted.check(self.sight(&self.book), expected.grant.as_slice())?;
                self.handle(&moved, &repaid);
                self.foresee(&command.user_id);
                return Ok(());
            }
            (Action::Subscription(_), _, Some(is)) => {
                let postings = &moved[1..];
                let granted = Granted {
                    postings,
                    event: Some(new[0].id),
                    was,
                    is,
                };
                self.check_event(command, granted)?;
            }
            (Action::Consume(_), Some(was), _) if outcome.refused.is_none() => prop_assert!(
                spent_first_expiring_first(was, outcome, at),
                "{outcome:?}\n{was:?}"
            ),
            (Action::Refund(refund), Some(was), Some(is)) if outcome.refused.is_none() => {
                let sight = self.sight(&self.book);
                refunds::check(sight, command, refund, (was, is), &new)?;
            }
            (Action::Purchase(_), _, Some(is)) if outcome.refused.is_none() => {
                // The cap is compared before new credits repay a debt, as `canPurchase` does.
                let repaid: i64 = repaid.iter().map(|one| one.amount).sum();
                prop_assert_eq!(
                    outcome.over_cap,
                    spendable(is, at) - repaid > self.rules.max_user_balance
                );
            }
            (Action::RegistrationBonus, ..) if outcome.refused.is_none() => {
                self.registered(command);
            }
            _ => {}
        }
        // Only an event has grants besides its own posting.
        let is_event = matches!(command.action, Action::Subscription(_));
        let skipped = new.iter().find_map(|posting| posting.detail.skipped);
        prop_assert_eq!(outcome.skipped, skipped.filter(|_| is_event));
        Ok(())
    }

    /// A refusal moves no credits. A period that the cap refused counts as handled.
    fn check_failed(
        &self,
        command: &Command,
        outcome: &Outcome,
        before: &State,
        new: &[Posting],
    ) -> Result<(), TestCaseError> {
        let was = before.wallet(&command.user_id);
        let is = self.book.wallet(&command.user_id);
        match (was, is) {
            (Some(was), Some(is)) if matches!(command.action, Action::MonthlyGrant(_)) => {
                let mut was = was.clone();
                (was.next_due_at, was.version) = (is.next_due_at, is.version);
                prop_assert_eq!(&was, is, "a refusal moves nothing");
            }
            // Its hold may have ended with the decision.
            _ if matches!(command.action, Action::Capture(_)) => {}
            _ => prop_assert_eq!(was, is, "a refusal moves nothing"),
        }
        prop_assert!(new.iter().all(|posting| posting.refusal.is_some()));
        let expires = matches!(command.action, Action::Expire(_));
        let refused = outcome.refused.as_ref().expect("a refusal");
        let stored = refused.code.is_stored() && !expires;
        prop_assert_eq!(new.len(), usize::from(stored), "it is stored or it is not");
        if !stored && !matches!(command.action, Action::Capture(_)) {
            prop_assert_eq!(
                before,
                &State::from_book(&self.book),
                "what is not stored changes nothing"
            );
        }
        if let Action::Refund(refund) = &command.action {
            if refused.code == Refusal::RefundExceedsConsumption {
                let left = self.sight(&self.book).left_to_refund(command, refund);
                prop_assert_eq!((refused.required, refused.available), (refund.amount, left));
            }
            return Ok(());
        }
        let left = match &command.action {
            Action::Revoke(revoke) => Some(self.debts.left(&self.book, command, revoke)),
            Action::Forgive(forgive) => {
                let owed = self.debts.owed(&command.user_id);
                Some((forgive.amount, owed))
            }
            _ => None,
        };
        if let Some((required, left)) = left {
            if let Some(available) = refused.available {
                prop_assert_eq!((refused.required, available), (required, left));
            }
            return Ok(());
        }
        if let (Some(wallet), Some(required), Some(available)) =
            (was, refused.required, refused.available)
        {
            let at = effective(command, &self.rules, self.now);
            // A capture has the credits of its hold besides.
            if !matches!(command.action, Action::Capture(_)) {
                prop_assert_eq!(available, spendable(wallet, at));
            }
            prop_assert!(required > available);
        }
        Ok(())
    }

    /// A revocation and a reinstatement do what the model expects, and new credits repay debts.
    fn check_debts(
        &mut self,
        command: &Command,
        before: &State,
        expected: &Expected,
        decided: (&[Posting], &Outcome),
    ) -> Result<(), TestCaseError> {
        let at = effective(command, &self.rules, self.now);
        let was = before.wallet(&command.user_id);
        if let (None, Some(was)) = (&decided.1.refused, was) {
            match &command.action {
                Action::Revoke(_) => self.debts.revoke(&expected.revoked, command, decided)?,
                Action::Reinstate(reinstate) => {
                    let is = self.book.wallet(&command.user_id).expect("a wallet");
                    self.debts
                        .reinstate((was, is), command, reinstate, at, decided)?;
                }
                _ => {}
            }
        }
        self.debts.follow(decided.0, self.rules.debt_policy)
    }

    /// The status of the wallet after a command was applied.
    fn status(&self, command: &Command, was: Option<&Wallet>, new: &[Posting]) -> WalletStatus {
        let leaves_debt = new.iter().any(|posting| posting.debt_change > 0);
        match command.action {
            Action::Freeze(_) => WalletStatus::Frozen,
            Action::Revoke(_) if leaves_debt && self.rules.freeze_on_debt => WalletStatus::Frozen,
            Action::Unfreeze(_) => WalletStatus::Active,
            _ => was.map_or(WalletStatus::Active, |wallet| wallet.status),
        }
    }

    /// Ends the holds that end with the decision.
    fn end_holds(
        &mut self,
        command: &Command,
        was: Option<&Wallet>,
        expired: &[Posting],
    ) -> Result<(), TestCaseError> {
        let is = self.book.wallet(&command.user_id);
        let (Some(was), Some(is)) = (was, is) else {
            return Ok(());
        };
        let mut returned = self.holds.end(command, false, &self.rules, self.now);
        // A final capture and a release return the rest of their hold.
        returned.extend(self.holds.returned_by(command, was));
        let latest = self.now - self.rules.max_lateness;
        check_expired(expired, &returned, was.batches(), is, latest)
    }

    /// A capture takes what the model expects. Holds and releases move nothing.
    fn check_hold(
        &self,
        command: &Command,
        outcome: &Outcome,
        was: &Wallet,
    ) -> Result<(), TestCaseError> {
        let Action::Capture(capture) = &command.action else {
            return Ok(());
        };
        let at = effective(command, &self.rules, self.now);
        let taken = self.holds.capture(capture, command, was, at);
        let found = Taken {
            batches: outcome
                .allocations
                .iter()
                .map(|allocation| (allocation.batch_id, -allocation.amount))
                .collect(),
            uncaptured: outcome.uncaptured.unwrap_or(0),
        };
        prop_assert_eq!(taken, Ok(found));
        Ok(())
    }

    /// The event is added first. Then the periods that are due are granted with it.
    fn check_event(
        &mut self,
        command: &Command,
        granted: Granted<'_>,
    ) -> Result<(), TestCaseError> {
        let (id, event) = report(command, self.now).expect("an event");
        let user = &command.user_id;
        self.histories
            .entry(id.to_owned())
            .or_insert_with(|| History::new(user))
            .report(event);
        let sight = self.sight(&self.book);
        let due = sight.due(user, horizon(command, self.now));
        granted.check(sight, &due)?;
        // What the credits of several periods repaid belongs to the event.
        self.handle(granted.postings, &[]);
        self.foresee(user);
        Ok(())
    }

    /// A registration opens the subscription to the free plan if that plan is enabled.
    fn registered(&mut self, command: &Command) {
        let Some(name) = self.rules.free_plan.clone() else {
            return;
        };
        if self.rules.plans.get(&name).is_some_and(|plan| plan.enabled) {
            let user = &command.user_id;
            let at = effective(command, &self.rules, self.now);
            let free = History::free(user, &name, at);
            let both = [
                self.next_due.get(user).copied(),
                free.next_due(&self.rules, self.now),
            ];
            if let Some(next) = both.into_iter().flatten().min() {
                self.next_due.insert(user.clone(), next);
            }
            self.histories.insert(format!("free:{user}"), free);
        }
    }
}
