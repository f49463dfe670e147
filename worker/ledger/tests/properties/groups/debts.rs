//! The rows of deposits, revocations and debts.

use std::iter;

use ledger::{
    Book, Changes, Command, DepositRecord, Origin, Posting, RevocationPart, RevocationRecord,
    RevokeTarget, TransactionType,
};
use proptest::prelude::*;

use super::Rows;

impl Rows {
    /// Adds the deposits that a revocation may name.
    pub(super) fn revocable(&self, command: &Command, target: &RevokeTarget, book: &mut Book) {
        let named = self.postings.iter().filter(|posting| match target {
            RevokeTarget::Reference(of) => {
                posting.reference_id == *of && posting.origin != Origin::Usage
            }
            RevokeTarget::Payment {
                purchase_id,
                purchase_line,
            } => {
                posting.kind == TransactionType::Purchase
                    && posting.purchase_id.as_ref() == Some(purchase_id)
                    && posting.purchase_line == *purchase_line
            }
        });
        for posting in named.filter(|posting| posting.user_id == command.user_id) {
            self.deposit(posting, book);
        }
    }

    /// Adds a deposit and the bonus of a purchase, with all their batches.
    fn deposit(&self, posting: &Posting, book: &mut Book) {
        if !posting.kind.is_deposit() || posting.refusal.is_some() {
            return;
        }
        let user = posting.user_id.as_str();
        let mut deposit = DepositRecord::from(posting);
        deposit.revoked = self.revoked.get(&posting.id).copied().unwrap_or_default();
        let wallet = book.wallet_mut(user).expect("an open wallet");
        let own = self.batches.values();
        for batch in own.filter(|batch| batch.deposit_id == posting.id) {
            wallet.add_batch_once(batch.clone());
            let expirations = self.postings.iter();
            let expirations =
                expirations.filter(|posting| posting.kind == TransactionType::Expiration);
            let parts = expirations.flat_map(|posting| &posting.allocations);
            let parts = parts.filter(|part| part.batch_id == batch.id);
            deposit.expired -= parts.map(|part| part.amount).sum::<i64>();
        }
        book.add_deposit(deposit);
        let bonus = self.postings.iter().filter(|bonus| {
            bonus.kind == TransactionType::Bonus && bonus.related_id == Some(posting.id)
        });
        for bonus in bonus {
            self.deposit(bonus, book);
        }
    }

    /// Adds the revocations that a reinstatement may name.
    pub(super) fn revocations(&self, command: &Command, of: &str, book: &mut Book) {
        let is_completed = |posting: &&Posting, kind| {
            posting.kind == kind && posting.refusal.is_none() && posting.user_id == command.user_id
        };
        let rows = || {
            let postings = self.postings.iter();
            postings.filter(|posting| is_completed(posting, TransactionType::Revocation))
        };
        let named = rows().filter(|posting| posting.reference_id == of);
        for own in named.filter(|posting| posting.origin == Origin::Funding) {
            let related = rows().filter(|posting| posting.related_id == Some(own.id));
            let parts: Vec<&Posting> = iter::once(own).chain(related).collect();
            let mut postings = self.postings.iter();
            let is_reinstated = postings.any(|posting| {
                is_completed(&posting, TransactionType::Reinstatement)
                    && posting.related_id == Some(own.id)
            });
            for part in &parts {
                let id = part.detail.deposit_id.expect("a deposit");
                let deposit = self.postings.iter().find(|posting| posting.id == id);
                self.deposit(deposit.expect("a deposit"), book);
                let wallet = book.wallet_mut(&own.user_id).expect("an open wallet");
                for taken in &part.allocations {
                    let key = (own.user_id.clone(), taken.batch_id);
                    wallet.add_batch_once(self.batches[&key].clone());
                }
            }
            for debt in self
                .debts
                .values()
                .filter(|debt| debt.revocation_id == own.id)
            {
                book.add_debt(debt.clone());
            }
            book.add_revocation(RevocationRecord {
                transaction_id: own.id,
                user_id: own.user_id.clone(),
                origin: own.origin,
                sender: own.sender.clone(),
                reference_id: own.reference_id.clone(),
                is_reinstated,
                parts: parts
                    .into_iter()
                    .map(|part| RevocationPart {
                        transaction_id: part.id,
                        deposit_id: part.detail.deposit_id.expect("a deposit"),
                        revoked: part.detail.revoked.expect("credits"),
                        taken: part
                            .allocations
                            .iter()
                            .map(|taken| (taken.batch_id, -taken.amount))
                            .collect(),
                    })
                    .collect(),
            });
        }
    }

    /// Adds what was revoked and settled, as the database adds it.
    pub(super) fn write_debts(&mut self, changes: &Changes<'_>) -> Result<(), TestCaseError> {
        for deposit in &changes.revoked {
            let sum = self.revoked.entry(deposit.transaction_id).or_default();
            sum.revoked += deposit.change.revoked;
            sum.fraction += deposit.change.fraction;
            sum.taken += deposit.change.taken;
            sum.indebted += deposit.change.indebted;
            prop_assert!((0..=deposit.issued).contains(&sum.revoked), "{sum:?}");
            prop_assert!((0..1_000_000).contains(&sum.fraction), "{sum:?}");
            prop_assert!(sum.revoked < deposit.issued || sum.fraction == 0, "{sum:?}");
            prop_assert!(sum.taken >= 0 && sum.indebted >= 0, "{sum:?}");
            prop_assert!(sum.taken + sum.indebted <= sum.revoked, "{sum:?}");
        }
        for change in &changes.debts {
            let stored = self.debts.get_mut(&change.debt.id);
            prop_assert_eq!(stored.is_none(), change.is_new);
            match stored {
                None => {
                    self.debts.insert(change.debt.id, change.debt.clone());
                }
                Some(stored) => {
                    stored.repaid += change.repaid;
                    stored.forgiven += change.forgiven;
                    stored.cancelled += change.cancelled;
                    prop_assert_eq!(&*stored, change.debt);
                }
            }
            prop_assert!(change.debt.open() >= 0, "{change:?}");
        }
        Ok(())
    }
}
