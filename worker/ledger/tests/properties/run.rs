//! Plays a sequence step by step. After each step the result is the expected one and all invariants
//! hold.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Book, Command, Decision, Origin, Outcome, Posting, Refusal, Rules, TransactionType,
    Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    debts::Debts,
    expected::{Sight, report},
    grants::{self, Granted},
    groups::{self, Sent},
    history::Histories,
    holds::{self, Holds},
    rows,
    state::State,
    steps::{self, Start, Step, USERS},
    whole,
};

/// A book, all commands sent to it, and the expected state of the subscriptions.
pub struct Run {
    pub(super) book: Book,
    pub(super) histories: Histories,
    /// For each user, the time at which a command grants the next period, as computed when the
    /// user's periods were last checked.
    pub(super) next_due: BTreeMap<String, DateTime<Utc>>,
    /// The time of receipt of the next command. `None` means now.
    pub(super) received_at: Option<DateTime<Utc>>,
    pub(super) rules: Rc<Rules>,
    pub(super) now: DateTime<Utc>,
    ids: u128,
    pub(super) sent: Vec<Sent>,
    pub(super) holds: Holds,
    pub(super) debts: Debts,
    first: HashMap<(Origin, String), (Command, Decision)>,
}

impl Run {
    /// An empty book, with prepared wallets if `start` says so.
    fn new(start: &Start) -> Self {
        let mut book = Book::default();
        for user in USERS {
            if start.prepared {
                book.add_unopened_wallet(groups::unopened(user));
            }
        }
        Self {
            book,
            histories: Histories::new(),
            next_due: BTreeMap::new(),
            received_at: None,
            rules: Rc::new(steps::rules(start)),
            now: steps::day(5),
            ids: 0,
            sent: Vec::new(),
            holds: Holds::default(),
            debts: Debts::default(),
            first: HashMap::new(),
        }
    }

    /// Plays a whole sequence, then the same commands again in groups. Returns the sent commands.
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
            Step::Debt(policy) => Rc::make_mut(&mut self.rules).debt_policy = policy,
            Step::Cap(credits) => Rc::make_mut(&mut self.rules).max_user_balance = credits,
            Step::Plan { nth, enabled } => {
                steps::set_plan(Rc::make_mut(&mut self.rules), nth, enabled);
            }
            Step::Received(minutes) => {
                self.received_at = Some(self.now - TimeDelta::minutes(minutes));
            }
            Step::Repeat(nth) => {
                if !self.sent.is_empty() {
                    let again = self.sent[usize::from(nth) % self.sent.len()]
                        .command
                        .clone();
                    self.command(again)?;
                }
            }
            Step::Again(nth) => {
                let events = self.sent.iter().map(|sent| &sent.command);
                let events: Vec<_> = events
                    .filter(|one| report(one, self.now).is_some())
                    .collect();
                if !events.is_empty() {
                    let mut again = events[usize::from(nth) % events.len()].clone();
                    again.reference_id = format!("again{}", self.sent.len());
                    again.received_at = self.received_at.take();
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
                let mut command = command(user, format!("r{reference}"), occurred_at, action);
                command.received_at = self.received_at.take();
                self.command(command)?;
            }
            Step::Refund { .. }
            | Step::Revoke { .. }
            | Step::Reinstate { .. }
            | Step::Use { .. }
            | Step::Grant { .. } => self.naming_step(step)?,
        }
        Ok(())
    }

    pub(super) fn sight<'a>(&'a self, book: &'a Book) -> Sight<'a> {
        Sight {
            book,
            histories: &self.histories,
            holds: &self.holds,
            debts: &self.debts,
            rules: &self.rules,
            now: self.now,
        }
    }

    pub(super) fn command(&mut self, command: Command) -> Result<(), TestCaseError> {
        let key = (command.origin, command.reference_id.clone());
        let stateless = matches!(command.action, Action::Expire(_));
        let known = self.first.get(&key).cloned().filter(|_| !stateless);
        let posted = self.book.postings().len();
        let settled = match known {
            Some(_) => None,
            None => Some(self.settle(&command)?),
        };
        let settled = settled.as_ref().unwrap_or(&self.book);
        let before = State::from_book(settled);
        let expected = self.sight(settled).expected(&command);
        let granted_first = settled.postings()[posted..].to_vec();
        let ids = &mut self.ids;
        let decision = self
            .book
            .decide(&command, &self.rules, self.now, &mut || next(ids))
            .expect("a consistent book");
        let posted_first = self.book.postings()[posted..]
            .iter()
            .take(granted_first.len());
        prop_assert!(
            posted_first.eq(&granted_first),
            "what is due is granted before: {granted_first:?}"
        );
        match (&decision, known) {
            (_, Some(first)) => {
                let after = State::from_book(&self.book);
                prop_assert_eq!(&before, &after, "a known reference changes nothing");
                check_known(&command, &decision, first)?;
            }
            (Decision::Unapplied(refused), _) => {
                let is_kept = match command.action {
                    Action::Purchase(_) | Action::Subscription(_) => true,
                    Action::Revoke(_) => refused.code == Refusal::OriginalNotFound,
                    _ => false,
                };
                prop_assert!(is_kept, "only what is about money stays unapplied");
                let code = Some(refused.code);
                let expected_code = expected.refusal;
                prop_assert!(
                    expected_code == code,
                    "{expected_code:?}, not {refused:?}: {command:?}"
                );
                let after = State::from_book(&self.book);
                prop_assert_eq!(&before, &after, "what is not applied changes nothing");
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
            }
        }
        let user = command.user_id.clone();
        self.sent.push(Sent {
            command,
            rules: Rc::clone(&self.rules),
            now: self.now,
            decision,
        });
        let next_due = self.next_due.get(&user).copied();
        rows::check(self.sight(&self.book), &user, next_due)?;
        self.holds.check(&self.book)?;
        self.debts.check(&self.book)?;
        whole::check(&self.book)
    }

    /// The book after what precedes the decision of a command: holds that have expired are closed,
    /// and due periods are granted. Commands about subscriptions grant due periods as part of their
    /// own decision.
    fn settle(&mut self, command: &Command) -> Result<Book, TestCaseError> {
        let mut book = self.book.clone();
        let mut ids = self.ids;
        let user = &command.user_id;
        let closed = book.close_holds(command, &self.rules, self.now, &mut || next(&mut ids));
        let closed = closed.expect("a consistent book").to_vec();
        let returned = self.holds.end(command, true, &self.rules, self.now);
        let was = self.book.wallet(user).map_or(&[][..], Wallet::batches);
        if let Some(is) = book.wallet(user) {
            let latest = self.now - self.rules.max_lateness;
            holds::check_expired(&closed, &returned, was, is, latest)?;
        }
        let grants_itself = matches!(
            command.action,
            Action::Subscription(_) | Action::MonthlyGrant(_)
        );
        if grants_itself || !self.rules.enabled {
            return Ok(book);
        }
        if self.next_due.get(user).is_none_or(|next| *next > self.now) {
            return Ok(book);
        }
        let due = self.sight(&self.book).due(user, self.now);
        let was = book.wallet(user).cloned();
        let granted = book.settle(user, &self.rules, self.now, &mut || next(&mut ids));
        let granted = granted.expect("a consistent book").to_vec();
        self.debts.follow(&granted, self.rules.debt_policy)?;
        let (repaid, granted): (Vec<_>, Vec<_>) = granted
            .into_iter()
            .partition(|posting| posting.kind == TransactionType::Repayment);
        let check = Granted {
            postings: &granted,
            event: None,
            was: was.as_ref(),
            is: book.wallet(user).expect("an open wallet"),
        };
        check.check(self.sight(&self.book), &due)?;
        self.handle(&granted, &repaid);
        self.foresee(user);
        Ok(book)
    }

    /// Computes the time at which a command grants the user's next period. Called after periods of
    /// the user were checked.
    pub(super) fn foresee(&mut self, user: &str) {
        match self.sight(&self.book).next_due(user) {
            Some(next) => self.next_due.insert(user.to_owned(), next),
            None => self.next_due.remove(user),
        };
    }

    /// Records handled periods. From now on the job's commands for them are known, together with
    /// what their credits repaid.
    pub(super) fn handle(&mut self, grants: &[Posting], repaid: &[Posting]) {
        for grant in grants {
            let (Some(id), Some(start)) = (&grant.subscription_id, grant.period_start) else {
                continue;
            };
            let history = self.histories.get_mut(id).expect("a known subscription");
            history.handle(start);
            let job = grants::job(&grant.user_id, id, start);
            let repaid = repaid.iter();
            let own = repaid.filter(|posting| posting.related_id == Some(grant.id));
            let rows = std::iter::once(grant).chain(own).map(Into::into);
            let answer = Decision::Settled(Outcome::from_transactions(rows, None));
            self.first
                .insert((grant.origin, grant.reference_id.clone()), (job, answer));
        }
    }
}

/// Consecutive ids.
pub fn next(ids: &mut u128) -> Uuid {
    *ids += 1;
    Uuid::from_u128(*ids)
}

pub(super) fn command(
    user: usize,
    reference_id: String,
    occurred_at: Option<DateTime<Utc>>,
    action: Action,
) -> Command {
    Command {
        origin: steps::origin(&action),
        reference_id,
        user_id: USERS[user].to_owned(),
        occurred_at,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action,
    }
}

/// Checks that a known reference returns the stored outcome, or a refusal if the content differs.
fn check_known(
    command: &Command,
    decision: &Decision,
    (first, answer): (Command, Decision),
) -> Result<(), TestCaseError> {
    let Decision::Settled(answer) = answer else {
        unreachable!("only settled ones are kept")
    };
    match decision {
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
    Ok(())
}
