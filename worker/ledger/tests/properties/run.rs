//! Plays a sequence, step by step: what becomes of each command is what was expected by other means, and everything
//! holds after it.

use std::{collections::HashMap, rc::Rc};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Decision, Origin, Outcome, Posting, Refusal, Rules, Skipped, Status, Subscription,
    TransactionType, Wallet, WalletStatus,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    expected::{Expected, Sight, effective, spendable, spent_first_expiring_first},
    groups::{self, Sent},
    steps::{self, Start, Step, USERS},
    whole,
};

/// What a command can change.
#[derive(Debug, PartialEq)]
struct State {
    wallets: Vec<Option<Wallet>>,
    subscriptions: Vec<Vec<Subscription>>,
    posted: usize,
}

/// A book, and all that was sent to it.
pub struct Run {
    book: Book,
    rules: Rc<Rules>,
    now: DateTime<Utc>,
    ids: u128,
    sent: Vec<Sent>,
    first: HashMap<(Origin, String), (Command, Decision)>,
}

impl Run {
    /// A book in which nobody has anything.
    fn new(start: &Start) -> Self {
        let mut book = Book::default();
        for user in USERS {
            if start.prepared {
                book.add_wallet(groups::prepared(user));
            }
        }
        Self {
            book,
            rules: Rc::new(steps::rules(start)),
            now: steps::day(5),
            ids: 0,
            sent: Vec::new(),
            first: HashMap::new(),
        }
    }

    /// Plays a whole sequence, and the same commands again in groups. Returns what was sent.
    pub fn play(start: &Start, steps: Vec<Step>) -> Result<Vec<Sent>, TestCaseError> {
        let mut run = Self::new(start);
        for step in steps {
            run.step(step)?;
        }
        if start.prepared {
            groups::check(&run.book, &run.sent, start.splits)?;
        }
        Ok(run.sent)
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Wait(minutes) => self.now += TimeDelta::minutes(minutes),
            Step::Switch(on) => Rc::make_mut(&mut self.rules).enabled = on,
            Step::Unpriced { costs } => steps::set_default(Rc::make_mut(&mut self.rules), costs),
            Step::Cap(credits) => Rc::make_mut(&mut self.rules).max_user_balance = credits,
            Step::Plan { nth, enabled } => steps::set_plan(Rc::make_mut(&mut self.rules), nth, enabled),
            Step::Repeat(nth) => {
                if !self.sent.is_empty() {
                    let again = self.sent[usize::from(nth) % self.sent.len()].command.clone();
                    self.command(again)?;
                }
            }
            Step::Command {
                user,
                reference,
                when,
                action,
            } => {
                let occurred_at = when.instant(self.now);
                let command = command(user, format!("r{reference}"), occurred_at, action);
                self.command(command)?;
            }
            Step::Grant {
                user,
                subscription,
                days,
                honest,
            } => {
                let mut known = USERS.iter().flat_map(|user| self.book.subscriptions(user));
                let next = known
                    .find(|one| one.id == subscription)
                    .and_then(|one| one.next_period_start);
                let period_start = next.unwrap_or(self.now) + TimeDelta::days(days);
                let reference = if honest {
                    format!("grant:{subscription}:{}", period_start.format("%Y-%m-%d"))
                } else {
                    "grant:astray".to_owned()
                };
                let action = Action::MonthlyGrant {
                    subscription_id: subscription,
                    period_start,
                };
                self.command(command(user, reference, None, action))?;
            }
        }
        Ok(())
    }

    fn state(&self) -> State {
        let subscriptions = USERS.iter().map(|user| self.book.subscriptions(user).to_vec());
        State {
            wallets: USERS.iter().map(|user| self.book.wallet(user).cloned()).collect(),
            subscriptions: subscriptions.collect(),
            posted: self.book.postings().len(),
        }
    }

    fn command(&mut self, command: Command) -> Result<(), TestCaseError> {
        let before = self.state();
        let sight = Sight {
            book: &self.book,
            rules: &self.rules,
            now: self.now,
        };
        let expected = sight.expected(&command);
        let ids = &mut self.ids;
        let decision = self
            .book
            .decide(&command, &self.rules, self.now, &mut || next(ids))
            .expect("a consistent book");
        let key = (command.origin, command.reference_id.clone());
        let known = self.first.get(&key).cloned();
        let stateless = matches!(command.action, Action::Expire { .. });
        match (&decision, known) {
            (_, Some((first, answer))) if !stateless => {
                prop_assert_eq!(&before, &self.state(), "a known reference changes nothing");
                let Decision::Settled(answer) = answer else {
                    unreachable!("only settled ones are kept")
                };
                match &decision {
                    Decision::Settled(outcome) if outcome.replayed => {
                        prop_assert_eq!(first.fingerprint(), command.fingerprint());
                        let again = Outcome {
                            replayed: false,
                            available: answer.available,
                            ..outcome.clone()
                        };
                        prop_assert_eq!(again, answer, "a replay repeats the whole outcome");
                    }
                    Decision::Settled(Outcome {
                        refused: Some(refused),
                        ..
                    })
                    | Decision::Unapplied(refused) => {
                        prop_assert_eq!(refused.code, Refusal::ReferenceConflict);
                        prop_assert_ne!(first.fingerprint(), command.fingerprint());
                    }
                    Decision::Settled(_) => prop_assert!(false, "a known reference was applied again"),
                }
            }
            (Decision::Unapplied(refused), _) => {
                prop_assert!(
                    matches!(
                        command.action,
                        Action::Purchase { .. } | Action::Subscription { .. }
                    ),
                    "only what was paid for stays unapplied"
                );
                prop_assert!(
                    expected.refusal == Some(refused.code),
                    "expected was {:?}, not {refused:?}: {command:?}",
                    expected.refusal
                );
                prop_assert_eq!(&before, &self.state(), "what is not applied changes nothing");
            }
            (Decision::Settled(outcome), _) => {
                prop_assert!(!outcome.replayed);
                self.check_first(&command, outcome, &before, &expected)?;
                let stored = outcome
                    .refused
                    .as_ref()
                    .is_none_or(|refused| refused.code.is_stored());
                if stored && !stateless {
                    self.first.insert(key, (command.clone(), decision.clone()));
                }
                self.remember_grants(before.posted);
            }
        }
        self.sent.push(Sent {
            command,
            rules: Rc::clone(&self.rules),
            now: self.now,
            decision,
        });
        for (user, was) in USERS.iter().zip(&before.subscriptions) {
            for (was, is) in was.iter().zip(self.book.subscriptions(user)) {
                prop_assert_eq!(&was.id, &is.id);
                prop_assert!(
                    was.next_period_start <= is.next_period_start,
                    "no period comes back: {was:?}, {is:?}"
                );
            }
        }
        whole::check(&self.book)
    }

    /// The job's commands for the periods that came with an event are known from now on.
    fn remember_grants(&mut self, from: usize) {
        let new = self.book.postings()[from..].iter();
        for grant in new.filter(|posting| posting.related_id.is_some()) {
            if let (Some(id), Some(period_start)) = (&grant.subscription_id, grant.period_start) {
                let user = USERS.iter().position(|user| *user == grant.user_id);
                let action = Action::MonthlyGrant {
                    subscription_id: id.clone(),
                    period_start,
                };
                let job = command(
                    user.expect("a known user"),
                    grant.reference_id.clone(),
                    None,
                    action,
                );
                let answer = Decision::Settled(Outcome::of(&[grant], None));
                self.first
                    .insert((grant.origin, grant.reference_id.clone()), (job, answer));
            }
        }
    }

    fn check_first(
        &self,
        command: &Command,
        outcome: &Outcome,
        before: &State,
        expected: &Expected,
    ) -> Result<(), TestCaseError> {
        let new = &self.book.postings()[before.posted..];
        prop_assert_eq!(
            outcome.amount,
            new.iter().map(|posting| posting.amount).sum::<i64>()
        );
        let user = USERS
            .iter()
            .position(|user| *user == command.user_id)
            .expect("a known user");
        let was = before.wallets[user].as_ref();
        let is = self.book.wallet(&command.user_id);
        let balance = |wallet: Option<&Wallet>| wallet.map_or(0, |wallet| wallet.balance);
        prop_assert_eq!(
            balance(is) - balance(was),
            outcome.amount,
            "the outcome tells the change of the balance"
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
            prop_assert_eq!(was, is, "a refusal moves nothing");
            let first = outcome.refused.as_ref().and_then(|refused| refused.first.clone());
            let first = first.map(|first| (first.reference_id, first.transaction_id));
            prop_assert_eq!(&first, &expected.first, "it names what credited the payment");
            prop_assert!(new.iter().all(|posting| posting.refusal.is_some()));
            let expires = matches!(command.action, Action::Expire { .. });
            let stored = refusal.is_some_and(Refusal::is_stored) && !expires;
            prop_assert_eq!(new.len(), usize::from(stored), "it is stored or it is not");
            if !stored {
                prop_assert_eq!(before, &self.state(), "what is not stored changes nothing");
            }
            if let (Some(refused), Some(wallet)) = (&outcome.refused, was)
                && let (Some(required), Some(available)) = (refused.required, refused.available)
            {
                prop_assert_eq!(available, spendable(wallet, at));
                prop_assert!(required > available);
            }
            return Ok(());
        }
        let wallet = is.expect("an open wallet");
        prop_assert_eq!(expected.amount.unwrap_or(outcome.amount), outcome.amount);
        prop_assert_eq!(outcome.skipped, expected.skipped);
        prop_assert_eq!(outcome.stale, expected.stale);
        prop_assert_eq!(outcome.balance, Some(wallet.balance));
        prop_assert_eq!(outcome.available, Some(spendable(wallet, self.now)));
        prop_assert_eq!(wallet.status, status(command, was));
        match (&command.action, was) {
            (Action::Consume { .. }, Some(was)) => prop_assert!(
                spent_first_expiring_first(was, outcome, at),
                "{outcome:?}\n{was:?}"
            ),
            (Action::Purchase { .. }, _) => prop_assert_eq!(
                outcome.over_cap,
                spendable(wallet, at) > self.rules.max_user_balance
            ),
            (Action::MonthlyGrant { .. } | Action::Subscription { .. }, _) => {
                self.check_grants(was, wallet, new, &expected.plans)?;
            }
            _ => {}
        }
        if let Action::Subscription { subscription_id, .. } = &command.action {
            self.check_nothing_is_due(&command.user_id, subscription_id)?;
        }
        Ok(())
    }

    /// Every period that was granted brought its plan's credits as far as they fit, and none that did not fit any.
    fn check_grants(
        &self,
        was: Option<&Wallet>,
        wallet: &Wallet,
        new: &[Posting],
        plans: &[String],
    ) -> Result<(), TestCaseError> {
        let mut full = was.map_or(0, |wallet| spendable(wallet, self.now));
        let grants = new.iter();
        for grant in grants.filter(|posting| posting.kind == TransactionType::MonthlyGrant) {
            let room = (self.rules.max_user_balance - full).max(0);
            full += grant.amount;
            if grant.refusal.is_some() {
                prop_assert_eq!(grant.refusal, Some(Refusal::MaxBalanceReached));
                prop_assert_eq!(room, 0);
                continue;
            }
            if let Some(skipped) = grant.detail.skipped {
                prop_assert_eq!(grant.amount, 0);
                let id = grant.subscription_id.as_deref().unwrap_or_default();
                prop_assert!(skipped == Skipped::Lapsed || id.starts_with("free:"), "{grant:?}");
                continue;
            }
            let batch = wallet
                .batches()
                .iter()
                .find(|batch| batch.transaction_id == grant.id);
            let batch = batch.expect("a batch");
            let plan = batch.source_plan.as_ref().expect("the name of a plan");
            prop_assert!(plans.contains(plan), "{grant:?} is of {plan}");
            prop_assert!(self.rules.plans[plan].enabled);
            let credits = self.rules.plans[plan].credits;
            prop_assert_eq!(grant.amount, credits.min(room));
            let clipped = (credits > room).then_some(credits - room);
            prop_assert_eq!(grant.detail.clipped, clipped);
            prop_assert_eq!(batch.issued_at, self.now);
            prop_assert!(batch.expires_at.is_some_and(|end| end > self.now));
        }
        Ok(())
    }

    /// An event leaves no period due, unless its plan is not granted.
    fn check_nothing_is_due(&self, user: &str, id: &str) -> Result<(), TestCaseError> {
        let mut known = self.book.subscriptions(user).iter();
        let subscription = known.find(|one| one.id == id).expect("a subscription");
        let plan = self.rules.plans.get(&subscription.plan);
        if plan.is_some_and(|plan| plan.enabled) {
            prop_assert_eq!(subscription.next_due(&self.rules, self.now), None);
        }
        Ok(())
    }
}

/// Ids in the order in which they are asked for.
pub fn next(ids: &mut u128) -> Uuid {
    *ids += 1;
    Uuid::from_u128(*ids)
}

fn command(user: usize, reference_id: String, occurred_at: Option<DateTime<Utc>>, action: Action) -> Command {
    Command {
        origin: steps::origin(&action),
        reference_id,
        user_id: USERS[user].to_owned(),
        occurred_at,
        description: None,
        metadata: None,
        action,
    }
}

/// Whether the wallet may spend after a command that was applied.
fn status(command: &Command, was: Option<&Wallet>) -> WalletStatus {
    match command.action {
        Action::Freeze { .. } => WalletStatus::Frozen,
        Action::Unfreeze { .. } => WalletStatus::Active,
        _ => was.map_or(WalletStatus::Active, |wallet| wallet.status),
    }
}
