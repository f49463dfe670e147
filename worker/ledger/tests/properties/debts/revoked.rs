//! The expected change by a revocation or a reinstatement.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger::{
    Batch, Book, Command, Outcome, Posting, Reinstate, Revoke, RevokeExtent, TransactionType,
    Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::super::expected::{Sight, effective, in_spending_order};
use super::{Change, Debts, MILLION, Owed, Part, Revoked, named, price};

impl Debts {
    /// What a revocation does to the deposit that it names, and to its bonus.
    pub fn changes(&self, sight: Sight<'_>, command: &Command, revoke: &Revoke) -> Vec<Change> {
        let deposit = named(sight.book, command, &revoke.target).expect("a deposit");
        let mut postings = sight.book.postings().iter();
        let bonus = postings.find(|posting| {
            posting.kind == TransactionType::Bonus && posting.related_id == Some(deposit.id)
        });
        let wallet = sight.book.wallet(&command.user_id).expect("a wallet");
        let whole = |posting: &Posting| i128::from(posting.amount) * MILLION;
        let before = |posting: &Posting| self.sum(posting.id).millionths;
        let after = |posting: &Posting| match revoke.extent {
            RevokeExtent::All => whole(posting),
            RevokeExtent::Share(share) => {
                before(posting) + i128::from(posting.amount) * i128::from(share)
            }
            RevokeExtent::AmountRefunded(refunded) => {
                let paid = price(wallet, deposit).expect("a price");
                whole(posting) * i128::from(refunded) / i128::from(paid)
            }
            RevokeExtent::Amount(amount) if posting.id == deposit.id => {
                before(posting) + i128::from(amount) * MILLION
            }
            RevokeExtent::Amount(amount) => {
                let revoked = self.sum(deposit.id).revoked() + amount;
                whole(posting) * i128::from(revoked) / i128::from(deposit.amount)
            }
        };
        let at = effective(command, sight.rules, sight.now);
        [Some(deposit), bonus]
            .into_iter()
            .flatten()
            .map(|posting| {
                let millionths = after(posting).clamp(before(posting), whole(posting));
                self.change(sight.book, wallet, posting, millionths, at)
            })
            .collect()
    }

    /// Where the credits come from: free ones, then expired ones, then a debt.
    fn change(
        &self,
        book: &Book,
        wallet: &Wallet,
        deposit: &Posting,
        millionths: i128,
        at: DateTime<Utc>,
    ) -> Change {
        let sum = self.sum(deposit.id);
        let total = i64::try_from(millionths / MILLION).expect("credits");
        let revoked = total - sum.revoked();
        let is_of = |batch: &&Batch| self.roots.get(&batch.id) == Some(&deposit.id);
        let is_gone =
            |batch: &Batch| batch.expirations > 0 || batch.expires_at.is_some_and(|end| end <= at);
        let mut batches: Vec<&Batch> = in_spending_order(wallet, at);
        batches.retain(|batch| is_of(batch) && !is_gone(batch));
        batches.sort_by_key(|batch| batch.transaction_id != deposit.id);
        let mut missing = revoked;
        let mut taken = BTreeMap::new();
        for batch in batches {
            let part = missing.min(batch.remaining - batch.held);
            missing -= part;
            if part > 0 {
                taken.insert(batch.id, part);
            }
        }
        let left = wallet.batches().iter().filter(is_of);
        let left = left.filter(|batch| is_gone(batch));
        let left: i64 = left.map(|batch| batch.remaining - batch.held).sum();
        let postings = book.postings().iter();
        let removed = postings.filter(|posting| posting.kind == TransactionType::Expiration);
        let removed = removed.flat_map(|posting| &posting.allocations);
        let removed = removed.filter(|part| self.roots.get(&part.batch_id) == Some(&deposit.id));
        let removed: i64 = removed.map(|part| -part.amount).sum();
        let counted = sum.revoked() - sum.taken - sum.indebted;
        let expired = (left + removed - counted).max(0);
        Change {
            deposit: deposit.id,
            revoked,
            taken,
            indebted: (missing - expired).max(0),
            millionths,
        }
    }

    /// Checks the postings of a revocation, and records it.
    pub fn revoke(
        &mut self,
        changes: &[Change],
        command: &Command,
        (new, outcome): (&[Posting], &Outcome),
    ) -> Result<(), TestCaseError> {
        let own = new[0].id;
        let find = |kind: TransactionType, deposit: Uuid| {
            let mut of = new.iter().filter(|posting| posting.kind == kind);
            of.find(|posting| posting.detail.deposit_id == Some(deposit))
        };
        let mut parts = Vec::new();
        for change in changes {
            let posting = find(TransactionType::Revocation, change.deposit);
            let debt = find(TransactionType::Debt, change.deposit);
            let taken = posting.into_iter().flat_map(|posting| &posting.allocations);
            let found = Change {
                deposit: change.deposit,
                revoked: posting
                    .and_then(|posting| posting.detail.revoked)
                    .unwrap_or(0),
                taken: taken.map(|part| (part.batch_id, -part.amount)).collect(),
                indebted: debt.map_or(0, |debt| debt.debt_change),
                millionths: change.millionths,
            };
            prop_assert_eq!(&found, change);
            let sum = self.sums.entry(change.deposit).or_default();
            sum.millionths = change.millionths;
            sum.taken += change.taken.values().sum::<i64>();
            sum.indebted += change.indebted;
            if let Some(debt) = debt {
                prop_assert_eq!(debt.related_id, Some(own));
                self.owed.push(Owed {
                    id: debt.id,
                    user: command.user_id.clone(),
                    revocation: own,
                    deposit: change.deposit,
                    open: change.indebted,
                    repaid: 0,
                });
            }
            parts.push(Part {
                deposit: change.deposit,
                revoked: change.revoked,
                taken: change.taken.clone(),
                indebted: change.indebted,
            });
        }
        let total = |of: fn(&Part) -> i64| Some(parts.iter().map(of).sum::<i64>());
        let reported = outcome.debt.as_deref().copied().unwrap_or_default();
        prop_assert_eq!(reported.revoked, total(|part| part.revoked));
        prop_assert_eq!(reported.taken, total(|part| part.taken.values().sum()));
        prop_assert_eq!(reported.indebted, total(|part| part.indebted));
        self.revocations.push(Revoked {
            id: own,
            user: command.user_id.clone(),
            reference: command.reference_id.clone(),
            parts,
            is_reinstated: false,
        });
        Ok(())
    }

    /// Checks the postings of a reinstatement, and records it. The wallets are those before and
    /// after it.
    pub fn reinstate(
        &mut self,
        (was, is): (&Wallet, &Wallet),
        command: &Command,
        reinstate: &Reinstate,
        at: DateTime<Utc>,
        (new, outcome): (&[Posting], &Outcome),
    ) -> Result<(), TestCaseError> {
        let revoked = self
            .named(command, reinstate)
            .expect("a revocation")
            .clone();
        let mut cancelled = 0;
        for part in &revoked.parts {
            let debts = self.owed.iter_mut();
            let mut own =
                debts.filter(|debt| debt.revocation == revoked.id && debt.deposit == part.deposit);
            let debt = own.next();
            let mut expected: BTreeMap<Uuid, i64> = BTreeMap::new();
            let mut renewed = debt.as_ref().map_or(0, |debt| debt.repaid);
            for (id, credits) in &part.taken {
                let mut batches = was.batches().iter();
                let batch = batches.find(|batch| batch.id == *id).expect("a batch");
                let is_gone =
                    batch.expirations > 0 || batch.expires_at.is_some_and(|end| end <= at);
                if is_gone {
                    renewed += credits;
                } else {
                    expected.insert(*id, *credits);
                }
            }
            let restored = new.iter().find(|posting| {
                posting.kind == TransactionType::Reinstatement
                    && posting.debt_change == 0
                    && posting.detail.deposit_id == Some(part.deposit)
            });
            let mut allocations = BTreeMap::new();
            let mut added = 0;
            for allocation in restored
                .into_iter()
                .flat_map(|posting| &posting.allocations)
            {
                let id = allocation.batch_id;
                if was.batches().iter().any(|batch| batch.id == id) {
                    allocations.insert(id, allocation.amount);
                } else {
                    added += allocation.amount;
                    self.roots.insert(id, part.deposit);
                    let mut batches = is.batches().iter();
                    let batch = batches.find(|batch| batch.id == id).expect("a batch");
                    prop_assert_eq!(batch.deposit_id, part.deposit);
                    prop_assert!(batch.expires_at.is_none_or(|end| end > at), "{batch:?}");
                }
            }
            prop_assert_eq!(allocations, expected);
            prop_assert_eq!(added, renewed);
            let sum = self.sums.entry(part.deposit).or_default();
            sum.millionths -= i128::from(part.revoked) * MILLION;
            if sum.revoked() == 0 {
                sum.millionths = 0;
            }
            sum.taken -= part.taken.values().sum::<i64>();
            sum.indebted -= part.indebted;
            if let Some(debt) = debt {
                cancelled += debt.open;
                debt.open = 0;
            }
        }
        let reported = outcome.debt.as_deref().copied().unwrap_or_default();
        prop_assert_eq!(reported.cancelled, Some(cancelled));
        let same = |one: &&mut Revoked| one.id == revoked.id;
        let known = self.revocations.iter_mut().find(same);
        known.expect("a revocation").is_reinstated = true;
        Ok(())
    }
}
