//! The expected state of revocations and debts, computed from docs/concepts/debt.md and
//! independently of the ledger.

mod revoked;

use std::collections::{BTreeMap, HashMap};

use ledger::{
    Book, Command, DebtPolicy, Forgive, Origin, Posting, Refusal, Reinstate, Revoke, RevokeExtent,
    RevokeTarget, TransactionType, Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

const MILLION: i128 = 1_000_000;

/// The debt that a revocation left for one deposit.
#[derive(Clone, Debug)]
struct Owed {
    id: Uuid,
    user: String,
    revocation: Uuid,
    deposit: Uuid,
    open: i64,
    repaid: i64,
}

/// What a revocation did to one deposit.
#[derive(Clone, Debug)]
struct Part {
    deposit: Uuid,
    revoked: i64,
    taken: BTreeMap<Uuid, i64>,
    indebted: i64,
}

/// A revocation that was applied.
#[derive(Clone, Debug)]
struct Revoked {
    id: Uuid,
    user: String,
    reference: String,
    parts: Vec<Part>,
    is_reinstated: bool,
}

/// What was revoked of a deposit: in millionths of a credit, and how it was counted.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    millionths: i128,
    taken: i64,
    indebted: i64,
}

/// All revocations and debts.
#[derive(Clone, Debug, Default)]
pub struct Debts {
    owed: Vec<Owed>,
    revocations: Vec<Revoked>,
    sums: HashMap<Uuid, Sum>,
    /// The deposit that brought the credits of each batch.
    roots: HashMap<Uuid, Uuid>,
}

/// The expected change of one deposit by a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    deposit: Uuid,
    revoked: i64,
    pub taken: BTreeMap<Uuid, i64>,
    indebted: i64,
    millionths: i128,
}

impl Sum {
    fn revoked(self) -> i64 {
        i64::try_from(self.millionths / MILLION).expect("credits")
    }
}

fn is_deposit(posting: &Posting) -> bool {
    use TransactionType::{Bonus, MonthlyGrant, Promotion, Purchase, RegistrationBonus};
    let kinds = [Purchase, Bonus, MonthlyGrant, Promotion, RegistrationBonus];
    posting.amount > 0 && kinds.contains(&posting.kind)
}

/// The deposit that a revocation names: its own of the origin `funding`, or else the only one.
fn named<'a>(book: &'a Book, command: &Command, target: &RevokeTarget) -> Option<&'a Posting> {
    let deposits = book.postings().iter().filter(|posting| {
        let is_named = match target {
            RevokeTarget::Reference(of) => posting.reference_id == *of,
            RevokeTarget::Payment {
                purchase_id,
                purchase_line,
            } => {
                posting.kind == TransactionType::Purchase
                    && posting.purchase_id.as_ref() == Some(purchase_id)
                    && posting.purchase_line == *purchase_line
            }
        };
        is_deposit(posting) && posting.user_id == command.user_id && is_named
    });
    let deposits: Vec<_> = deposits.collect();
    let own = deposits
        .iter()
        .find(|posting| posting.origin == Origin::Funding);
    own.or((deposits.len() == 1).then(|| &deposits[0])).copied()
}

/// The price of a deposit, if it is above 0.
fn price(wallet: &Wallet, deposit: &Posting) -> Option<i64> {
    let mut batches = wallet.batches().iter();
    let batch = batches.find(|batch| batch.transaction_id == deposit.id)?;
    batch.paid_micros.filter(|paid| *paid != 0)
}

impl Debts {
    fn sum(&self, deposit: Uuid) -> Sum {
        self.sums.get(&deposit).copied().unwrap_or_default()
    }

    /// What a user owes.
    pub fn owed(&self, user: &str) -> i64 {
        let own = self.owed.iter().filter(|debt| debt.user == user);
        own.map(|debt| debt.open).sum()
    }

    /// The refusal of a revocation.
    pub fn revoke_refusal(
        &self,
        book: &Book,
        command: &Command,
        revoke: &Revoke,
    ) -> Option<Refusal> {
        let Some(deposit) = named(book, command, &revoke.target) else {
            return Some(Refusal::OriginalNotFound);
        };
        let left = deposit.amount - self.sum(deposit.id).revoked();
        let wallet = book.wallet(&command.user_id).expect("a wallet");
        let exceeds = match revoke.extent {
            RevokeExtent::AmountRefunded(_) => {
                let is_unknown = price(wallet, deposit).is_none();
                return is_unknown.then_some(Refusal::AmountPaidUnknown);
            }
            RevokeExtent::Amount(amount) => amount > left,
            RevokeExtent::All | RevokeExtent::Share(_) => left == 0,
        };
        exceeds.then_some(Refusal::RevokeExceedsCredits)
    }

    /// The credits that a revocation names, and those that are left of the deposit.
    pub fn left(&self, book: &Book, command: &Command, revoke: &Revoke) -> (Option<i64>, i64) {
        let amount = match revoke.extent {
            RevokeExtent::Amount(amount) => Some(amount),
            _ => None,
        };
        let deposit = named(book, command, &revoke.target);
        let left = deposit.map(|deposit| deposit.amount - self.sum(deposit.id).revoked());
        (amount, left.unwrap_or_default())
    }

    /// The refusal of a reinstatement of a user with a wallet.
    pub fn reinstate_refusal(&self, command: &Command, reinstate: &Reinstate) -> Option<Refusal> {
        match self.named(command, reinstate) {
            None => Some(Refusal::OriginalNotFound),
            Some(revoked) => revoked.is_reinstated.then_some(Refusal::AlreadyReinstated),
        }
    }

    fn named(&self, command: &Command, reinstate: &Reinstate) -> Option<&Revoked> {
        self.revocations
            .iter()
            .find(|revoked| revoked.user == command.user_id && revoked.reference == reinstate.of)
    }

    /// The refusal of a forgiveness of a user with a wallet.
    pub fn forgive_refusal(&self, command: &Command, forgive: &Forgive) -> Option<Refusal> {
        let owed = self.owed(&command.user_id);
        let exceeds = owed == 0 || forgive.amount.is_some_and(|amount| amount > owed);
        exceeds.then_some(Refusal::ForgiveExceedsDebt)
    }

    /// The credits that a reinstatement returns.
    pub fn restored(&self, command: &Command, reinstate: &Reinstate) -> i64 {
        let revoked = self.named(command, reinstate).expect("a revocation");
        let taken = revoked.parts.iter().flat_map(|part| part.taken.values());
        let debts = self.owed.iter();
        let own = debts.filter(|debt| debt.revocation == revoked.id);
        taken.sum::<i64>() + own.map(|debt| debt.repaid).sum::<i64>()
    }

    /// Checks that postings repay what they have to repay, and records it. The postings of a
    /// revocation or reinstatement were recorded before.
    pub fn follow(
        &mut self,
        postings: &[Posting],
        policy: DebtPolicy,
    ) -> Result<(), TestCaseError> {
        for posting in postings.iter().filter(|posting| posting.refusal.is_none()) {
            for part in posting.allocations.iter().filter(|part| part.amount > 0) {
                let replaced = posting.audit.replacements.iter();
                let mut replaced = replaced.filter(|note| note.batch_id == part.batch_id);
                let root = match replaced.next() {
                    Some(note) => self.roots[&note.replaces],
                    None => posting.id,
                };
                self.roots.entry(part.batch_id).or_insert(root);
            }
        }
        for posting in postings.iter().filter(|posting| posting.refusal.is_none()) {
            match posting.kind {
                TransactionType::Forgiveness => {
                    let user = &posting.user_id;
                    let settled = self.settle(user, -posting.debt_change, |_| true);
                    prop_assert_eq!(&settled, &posting.audit.debts, "the oldest debt first");
                }
                _ if posting.amount > 0 => self.check_repayment(posting, postings, policy)?,
                _ => {}
            }
        }
        let repaid = postings.iter();
        let mut repaid = repaid.filter(|posting| posting.kind == TransactionType::Repayment);
        let has_cause = |repayment: &Posting| {
            postings
                .iter()
                .any(|posting| repayment.reference_id == format!("repayment:{}", posting.id))
        };
        prop_assert!(repaid.all(has_cause), "every repayment has its cause");
        Ok(())
    }

    /// Checks the repayment that follows a posting that adds or returns credits.
    fn check_repayment(
        &mut self,
        posting: &Posting,
        postings: &[Posting],
        policy: DebtPolicy,
    ) -> Result<(), TestCaseError> {
        let user = &posting.user_id;
        let mut expected: Vec<(Uuid, i64)> = Vec::new();
        if posting.kind == TransactionType::Refund {
            for part in refunded_parts(posting) {
                let root = self.roots[&part.0];
                expected.extend(self.settle(user, part.1, |debt| debt.deposit == root));
            }
        } else if policy != DebtPolicy::Report {
            expected = self.settle(user, posting.amount, |_| true);
        }
        for (id, credits) in &expected {
            let mut debts = self.owed.iter_mut();
            debts.find(|debt| debt.id == *id).expect("a debt").repaid += credits;
        }
        let reference = format!("repayment:{}", posting.id);
        let mut found = postings.iter().filter(|one| one.reference_id == reference);
        let found = found.next();
        let by_id = |debts: &[(Uuid, i64)]| {
            let mut sums: BTreeMap<Uuid, i64> = BTreeMap::new();
            for (id, credits) in debts {
                *sums.entry(*id).or_default() += credits;
            }
            sums
        };
        let settled = found.map_or(&[][..], |found| &found.audit.debts);
        prop_assert_eq!(by_id(settled), by_id(&expected), "{:?}", posting);
        let repaid: i64 = expected.iter().map(|(_, credits)| credits).sum();
        prop_assert_eq!(found.map_or(0, |found| -found.amount), repaid);
        let added: HashMap<Uuid, i64> = posting
            .allocations
            .iter()
            .map(|part| (part.batch_id, part.amount))
            .collect();
        for part in found.into_iter().flat_map(|found| &found.allocations) {
            let has = added
                .get(&part.batch_id)
                .is_some_and(|added| -part.amount <= *added);
            prop_assert!(has, "it takes what was added: {found:?}");
        }
        Ok(())
    }

    fn settle(
        &mut self,
        user: &str,
        credits: i64,
        is_included: impl Fn(&Owed) -> bool,
    ) -> Vec<(Uuid, i64)> {
        let mut left = credits;
        let mut settled = Vec::new();
        for debt in &mut self.owed {
            if debt.user != user || !is_included(debt) {
                continue;
            }
            let part = debt.open.min(left);
            debt.open -= part;
            left -= part;
            if part > 0 {
                settled.push((debt.id, part));
            }
        }
        settled
    }

    /// Checks the debts and the deposits of all batches of a book.
    pub fn check(&self, book: &Book) -> Result<(), TestCaseError> {
        for user in super::steps::USERS {
            let Some(wallet) = book.wallet(user) else {
                continue;
            };
            prop_assert_eq!(wallet.debt, self.owed(user));
            for batch in wallet.batches() {
                prop_assert_eq!(Some(&batch.deposit_id), self.roots.get(&batch.id));
            }
        }
        Ok(())
    }
}

/// The batches that a refund returned credits to, and the credits of each.
fn refunded_parts(refund: &Posting) -> Vec<(Uuid, i64)> {
    let parts = refund.allocations.iter();
    parts.map(|part| (part.batch_id, part.amount)).collect()
}
