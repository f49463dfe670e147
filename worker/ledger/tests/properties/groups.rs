//! Groups of commands. Each group is decided in a new book that is read from the rows of earlier
//! groups. Groups of any size must lead to the same result as one book.

mod debts;

use std::{
    collections::{BTreeMap, HashMap},
    iter,
    rc::Rc,
};

use chrono::{DateTime, Utc};
use ledger::{
    Action, Batch, BatchStatus, Book, Changes, Command, CreditedPayment, Debt, Decision,
    HoldRecord, Origin, Original, Outcome, PaymentKey, Posting, Record, RecordedTransaction,
    RevokedCredits, Rules, Subscription, TransactionType, Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{run::next, steps::USERS};

/// A command as it was sent, with its decision.
#[derive(Debug)]
pub struct Sent {
    pub command: Command,
    pub rules: Rc<Rules>,
    pub now: DateTime<Utc>,
    pub decision: Decision,
}

/// The rows that the groups have written so far, as the database stores them.
#[derive(Default)]
struct Rows {
    wallets: BTreeMap<String, Wallet>,
    batches: BTreeMap<(String, Uuid), Batch>,
    holds: BTreeMap<(String, Uuid), HoldRecord>,
    subscriptions: BTreeMap<String, Subscription>,
    postings: Vec<Posting>,
    by_reference: HashMap<(Origin, String), usize>,
    belonging: HashMap<Uuid, Vec<usize>>,
    /// The credits that were returned of each consumption or capture.
    refunded: HashMap<Uuid, i64>,
    /// What was revoked of each deposit.
    revoked: HashMap<Uuid, RevokedCredits>,
    debts: BTreeMap<Uuid, Debt>,
}

/// The row of a wallet, without its batches.
fn row(wallet: &Wallet) -> Wallet {
    let mut row = Wallet::new(wallet.id, wallet.user_id.clone());
    row.balance = wallet.balance;
    row.held = wallet.held;
    row.debt = wallet.debt;
    row.total_earned = wallet.total_earned;
    row.total_spent = wallet.total_spent;
    row.transaction_count = wallet.transaction_count;
    row.status = wallet.status;
    row.next_due_at = wallet.next_due_at;
    row.holds_end_at = wallet.holds_end_at;
    row.version = wallet.next_version();
    row
}

/// The row of a wallet that is not open yet.
pub fn unopened(user: &str) -> Wallet {
    let nth = USERS
        .iter()
        .position(|one| *one == user)
        .unwrap_or_default();
    let id = u128::MAX - u128::try_from(nth).unwrap_or_default();
    Wallet::new(Uuid::from_u128(id), user.to_owned())
}

/// Decides the sent commands again, in groups that end where `splits` has a bit set, and compares
/// the results.
pub fn check(whole: &Book, sent: &[Sent], splits: u64) -> Result<(), TestCaseError> {
    let mut rows = Rows::default();
    let mut ids = 0;
    let mut from = 0;
    for nth in 0..sent.len() {
        if splits >> (nth % 64) & 1 == 1 || nth + 1 == sent.len() {
            rows.group(&sent[from..=nth], &mut ids)?;
            from = nth + 1;
        }
    }
    rows.compare(whole)
}

impl Rows {
    fn group(&mut self, group: &[Sent], ids: &mut u128) -> Result<(), TestCaseError> {
        let mut book = self.book(group);
        for one in group {
            let decision = book.decide(&one.command, &one.rules, one.now, &mut || next(ids));
            let decision = decision.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(
                decision == one.decision,
                "in groups {decision:?}, in one book {:?}: {:?}",
                one.decision,
                one.command
            );
        }
        self.write(&book)?;
        for wallet in book.into_wallets() {
            prop_assert_eq!(
                &wallet,
                &self.wallet(&wallet.user_id),
                "what is kept is what would be read"
            );
        }
        Ok(())
    }

    /// The book that the store reads for a group.
    fn book(&self, group: &[Sent]) -> Book {
        let mut book = Book::default();
        for user in USERS {
            if self.wallets.contains_key(user) {
                let mut wallet = self.wallet(user);
                for hold in self.named_closed_holds(user, group) {
                    wallet.add_hold(hold.clone());
                }
                book.add_wallet(wallet);
            } else {
                book.add_unopened_wallet(unopened(user));
            }
        }
        for subscription in self.subscriptions.values() {
            let read = self.read(subscription);
            assert_eq!(&read, subscription, "what is read is what was written");
            book.add_subscription(read);
        }
        for posting in &self.postings {
            if posting.kind == TransactionType::RegistrationBonus && posting.refusal.is_none() {
                book.add_registered(posting.user_id.clone());
            }
            if let Some((payment, credited)) = credited(posting) {
                book.add_payment(payment, credited);
            }
        }
        for debt in self.debts.values().filter(|debt| debt.open() > 0) {
            book.add_debt(debt.clone());
        }
        for Sent { command, .. } in group {
            match &command.action {
                Action::Refund(refund) => self.originals(command, &refund.of, &mut book),
                Action::Revoke(revoke) => self.revocable(command, &revoke.target, &mut book),
                Action::Reinstate(reinstate) => {
                    self.revocations(command, &reinstate.of, &mut book);
                }
                _ => {}
            }
            let key = (command.origin, command.reference_id.clone());
            if let Some(position) = self.by_reference.get(&key) {
                book.add_record(key.0, None, key.1, self.record(*position));
            }
        }
        book
    }

    /// Adds the transactions that a refund may name, with all batches that they took from.
    fn originals(&self, command: &Command, of: &str, book: &mut Book) {
        let user = command.user_id.as_str();
        let named = self.postings.iter().filter(|posting| {
            posting.reference_id == of && posting.user_id == user && posting.refusal.is_none()
        });
        for posting in named {
            let mut original = Original::from(posting);
            original.refunded = self.refunded.get(&posting.id).copied().unwrap_or_default();
            let wallet = book.wallet_mut(user).expect("an open wallet");
            for id in original.taken.keys() {
                let batch = self.batches[&(user.to_owned(), *id)].clone();
                wallet.add_batch_once(batch);
            }
            book.add_original(original);
        }
    }

    /// The closed holds of a user that commands of the group name.
    fn named_closed_holds(&self, user: &str, group: &[Sent]) -> Vec<&HoldRecord> {
        let named = |hold: &HoldRecord| {
            group.iter().any(|sent| match &sent.command.action {
                Action::Capture(capture) => capture.hold == hold.reference_id,
                Action::Release(release) => release.hold == hold.reference_id,
                _ => false,
            })
        };
        let own = self.holds.iter().filter(|((owner, _), _)| owner == user);
        own.map(|(_, hold)| hold)
            .filter(|hold| !hold.is_open() && named(hold))
            .collect()
    }

    /// Restores a subscription from its row, its events and its handled periods.
    fn read(&self, row: &Subscription) -> Subscription {
        let grants = self.postings.iter();
        let own = grants.filter(|posting| posting.subscription_id.as_ref() == Some(&row.id));
        let came_with_registration = row.id.starts_with("free:");
        let events = row.events().iter().filter(|_| !came_with_registration);
        Subscription::stored(
            (row.id.clone(), row.user_id.clone()),
            row.anchor,
            (row.state.clone(), Some(row.state.since)),
            events.cloned().collect(),
            own.filter_map(|posting| posting.period_start).collect(),
        )
    }

    fn wallet(&self, user: &str) -> Wallet {
        let known = self.wallets.get(user).cloned();
        let mut wallet = known.unwrap_or_else(|| unopened(user));
        let batches = self.batches.iter().filter(|((owner, _), _)| owner == user);
        for (_, batch) in batches.filter(|(_, batch)| batch.status == BatchStatus::Active) {
            wallet.add_batch(batch.clone());
        }
        let holds = self.holds.iter().filter(|((owner, _), _)| owner == user);
        for (_, hold) in holds.filter(|(_, hold)| hold.is_open()) {
            wallet.add_hold(hold.clone());
        }
        wallet
    }

    fn record(&self, position: usize) -> Record {
        let own = &self.postings[position];
        let belonging = self.belonging.get(&own.id).into_iter().flatten();
        let related = belonging.map(|position| &self.postings[*position]);
        // Captures, releases, refunds, revocations and reinstatements belong to another
        // transaction, but they are commands of their own.
        let related = related.filter(|posting| posting.origin == Origin::Internal);
        let transactions = iter::once(own)
            .chain(related)
            .map(RecordedTransaction::from);
        Record {
            fingerprint: own.fingerprint,
            outcome: Outcome::from_transactions(transactions, None),
        }
    }

    fn write(&mut self, book: &Book) -> Result<(), TestCaseError> {
        let changes = book.changes();
        for (user, batch) in &changes.new_batches {
            let other = self
                .batches
                .insert(((*user).to_owned(), batch.id), (*batch).clone());
            prop_assert!(other.is_none(), "it is new: {batch:?}");
        }
        for batch in &changes.changed_batches {
            let mut stored = self.batches.values_mut();
            let stored = stored.find(|stored| stored.id == batch.id);
            let stored = stored.expect("a stored batch");
            let may_be_equal = changes.has_holds()
                || !changes.refunded.is_empty()
                || book.postings().iter().any(is_reinstatement);
            prop_assert!(stored != *batch || may_be_equal, "it has changed");
            stored.clone_from(batch);
        }
        self.write_holds(&changes)?;
        for wallet in &changes.changed_wallets {
            self.wallets.insert(wallet.user_id.clone(), row(wallet));
        }
        for subscription in &changes.subscriptions {
            self.subscriptions
                .insert(subscription.id.clone(), (*subscription).clone());
        }
        for original in &changes.refunded {
            prop_assert!(original.returned > 0, "it has changed");
            let refunded = self.refunded.entry(original.transaction_id).or_default();
            *refunded += original.returned;
            prop_assert!(*refunded <= original.taken);
        }
        self.write_debts(&changes)?;
        prop_assert_eq!(changes.postings.len(), book.postings().len());
        for posting in book.postings() {
            let position = self.postings.len();
            let key = (posting.origin, posting.reference_id.clone());
            let other = self.by_reference.insert(key, position);
            prop_assert!(other.is_none(), "its reference is taken: {posting:?}");
            if let Some(id) = posting.related_id {
                self.belonging.entry(id).or_default().push(position);
            }
            self.postings.push(posting.clone());
        }
        Ok(())
    }

    /// Writes new holds, and the columns of stored holds that may change.
    fn write_holds(&mut self, changes: &Changes<'_>) -> Result<(), TestCaseError> {
        for (user, hold) in &changes.new_holds {
            let key = ((*user).to_owned(), hold.id);
            let other = self.holds.insert(key, (*hold).clone());
            prop_assert!(other.is_none(), "it is new: {hold:?}");
        }
        let mut stored: BTreeMap<Uuid, &mut HoldRecord> = BTreeMap::new();
        stored.extend(self.holds.iter_mut().map(|((_, id), hold)| (*id, hold)));
        for hold in &changes.changed_holds {
            let stored = stored.get_mut(&hold.id).expect("a stored hold");
            prop_assert!(*stored != *hold, "it has changed");
            stored.captured = hold.captured;
            stored.status = hold.status;
            stored.closed_at = hold.closed_at;
        }
        for (hold_id, slice) in &changes.changed_slices {
            let stored = stored.get_mut(hold_id).expect("a stored hold");
            let mut slices = stored.slices.iter_mut();
            let stored = slices.find(|stored| stored.batch_id == slice.batch_id);
            stored.expect("a stored slice").captured = slice.captured;
        }
        for hold in &changes.changed_holds {
            prop_assert_eq!(&**hold, &*stored[&hold.id], "every change is written");
        }
        Ok(())
    }

    fn compare(&self, whole: &Book) -> Result<(), TestCaseError> {
        prop_assert_eq!(&self.postings[..], whole.postings());
        for user in USERS {
            let amounts = |wallet: &Wallet| {
                (
                    (wallet.balance, wallet.held, wallet.debt, wallet.status),
                    (
                        wallet.total_earned,
                        wallet.total_spent,
                        wallet.transaction_count,
                    ),
                )
            };
            let wallet = whole.wallet(user);
            prop_assert_eq!(self.wallets.get(user).map(amounts), wallet.map(amounts));
            let holds = self.holds.iter().filter(|((owner, _), _)| owner == user);
            let known = wallet.into_iter().flat_map(Wallet::holds);
            prop_assert!(holds.map(|(_, hold)| hold).eq(known));
            let mut batches: Vec<Batch> = wallet.map_or(&[][..], Wallet::batches).to_vec();
            batches.sort_by_key(|batch| batch.id);
            let kept = self.batches.iter().filter(|((owner, _), _)| owner == user);
            let kept: Vec<Batch> = kept.map(|(_, batch)| batch.clone()).collect();
            prop_assert_eq!(kept, batches);
            for known in whole.subscriptions(user) {
                prop_assert_eq!(self.subscriptions.get(&known.id), Some(known));
            }
        }
        Ok(())
    }
}

fn is_reinstatement(posting: &Posting) -> bool {
    posting.kind == TransactionType::Reinstatement
}

/// The payment that a posting credits.
fn credited(posting: &Posting) -> Option<(PaymentKey, CreditedPayment)> {
    if posting.kind != TransactionType::Purchase || posting.refusal.is_some() {
        return None;
    }
    let payment = PaymentKey {
        purchase_id: posting.purchase_id.clone()?,
        purchase_line: posting.purchase_line.clone(),
    };
    let credited = CreditedPayment {
        reference_id: posting.reference_id.clone(),
        transaction_id: posting.id,
    };
    Some((payment, credited))
}
