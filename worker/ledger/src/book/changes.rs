//! The rows to write after a group was decided.

use std::collections::HashSet;

use uuid::Uuid;

use super::Book;
use crate::{
    batch::Batch,
    debt::DebtChange,
    deposit_record::RevokedDeposit,
    hold_record::{HoldRecord, HoldSlice},
    original::RefundedOriginal,
    posting::Posting,
    subscription::Subscription,
    wallet::Wallet,
};

/// The rows to write after a group was decided.
///
/// The rows of each kind are in a fixed order, so that all writers lock them in the same order.
#[derive(Debug)]
pub struct Changes<'a> {
    /// New transactions with their allocations, in the order of their references.
    pub postings: Vec<&'a Posting>,
    /// New batches with their users.
    pub new_batches: Vec<(&'a str, &'a Batch)>,
    /// Stored batches that have changed or that holds have changed, in the order of their ids.
    pub changed_batches: Vec<&'a Batch>,
    /// Wallets that were opened or have changed, in the order of their users. Their version is the
    /// one that was read, and [`Wallet::next_version`] is the one to write.
    pub changed_wallets: Vec<&'a Wallet>,
    /// Open wallets that the decisions depend on and that have not changed, in the order of their
    /// users.
    pub unchanged_wallets: Vec<&'a Wallet>,
    /// Consumptions and captures of which credits were returned, in the order of their ids.
    pub refunded: Vec<RefundedOriginal<'a>>,
    /// Deposits of which credits were revoked or reinstated, in the order of their ids.
    pub revoked: Vec<RevokedDeposit<'a>>,
    /// Debts that are new or have changed, in the order of their ids.
    pub debts: Vec<DebtChange<'a>>,
    /// New holds with their users, in the order of users.
    pub new_holds: Vec<(&'a str, &'a HoldRecord)>,
    /// Stored holds that have changed, in the order of their ids.
    pub changed_holds: Vec<&'a HoldRecord>,
    /// Slices of stored holds that have changed, with the ids of their holds, in the order of
    /// these.
    pub changed_slices: Vec<(Uuid, &'a HoldSlice)>,
    /// Subscriptions that are new or have changed, in the order of their ids.
    pub subscriptions: Vec<&'a Subscription>,
    /// Ids of the unopened wallets that no command opened.
    pub unopened: Vec<Uuid>,
}

impl<'a> Changes<'a> {
    /// Adds the holds of a wallet that are new or have changed. Returns the batches of which they
    /// reserve more or less than before.
    fn add_holds(&mut self, wallet: &'a Wallet) -> HashSet<Uuid> {
        let mut touched = HashSet::new();
        for hold in wallet.holds.iter().filter(|hold| hold.is_changed()) {
            match hold.stored {
                None => self.new_holds.push((&wallet.user_id, &hold.record)),
                Some(_) => self.changed_holds.push(&hold.record),
            }
            let slices = hold.changed_slices();
            self.changed_slices
                .extend(slices.map(|slice| (hold.record.id, slice)));
            touched.extend(hold.touched_batches());
        }
        touched
    }

    /// Whether the group has to write holds.
    pub fn has_holds(&self) -> bool {
        !self.new_holds.is_empty() || !self.changed_holds.is_empty()
    }
}

impl Book {
    /// The rows to write.
    pub fn changes(&self) -> Changes<'_> {
        let mut changes = Changes {
            postings: self.postings.iter().collect(),
            new_batches: Vec::new(),
            changed_batches: Vec::new(),
            changed_wallets: Vec::new(),
            unchanged_wallets: Vec::new(),
            refunded: self.originals.refunded().collect(),
            revoked: self.deposits.changed().collect(),
            debts: self.debts.changed().collect(),
            new_holds: Vec::new(),
            changed_holds: Vec::new(),
            changed_slices: Vec::new(),
            subscriptions: self.changed_subscriptions().collect(),
            unopened: Vec::new(),
        };
        changes.postings.sort_unstable_by(|a, b| {
            (a.origin, &a.reference_id, &a.sender).cmp(&(b.origin, &b.reference_id, &b.sender))
        });
        changes
            .subscriptions
            .sort_unstable_by(|a, b| a.id.cmp(&b.id));
        changes
            .refunded
            .sort_unstable_by_key(|original| original.transaction_id);
        changes
            .revoked
            .sort_unstable_by_key(|deposit| deposit.transaction_id);
        changes.debts.sort_unstable_by_key(|change| change.debt.id);
        let postings = self.postings.iter();
        let deposits = postings.clone().filter(|posting| posting.amount > 0);
        let deposits: HashSet<Uuid> = deposits.map(|posting| posting.id).collect();
        let allocations = postings.flat_map(|posting| &posting.allocations);
        let allocated: HashSet<Uuid> = allocations.map(|allocation| allocation.batch_id).collect();
        for slot in self.wallets.in_order() {
            let Some(wallet) = slot.open() else {
                changes.unopened.push(slot.wallet().id);
                continue;
            };
            if !slot.is_changed() {
                changes.unchanged_wallets.push(wallet);
                continue;
            }
            changes.changed_wallets.push(wallet);
            let held = changes.add_holds(wallet);
            for batch in wallet.batches() {
                if deposits.contains(&batch.transaction_id) {
                    changes.new_batches.push((&wallet.user_id, batch));
                } else if allocated.contains(&batch.id) || held.contains(&batch.id) {
                    changes.changed_batches.push(batch);
                }
            }
        }
        changes
            .changed_batches
            .sort_unstable_by_key(|batch| batch.id);
        changes.changed_holds.sort_unstable_by_key(|hold| hold.id);
        changes.changed_slices.sort_by_key(|(hold_id, _)| *hold_id);
        changes
    }

    /// The open wallets as they are stored once the changes are committed: with their new versions
    /// and without empty batches.
    pub fn into_wallets(self) -> impl Iterator<Item = Wallet> {
        self.wallets.into_committed()
    }

    fn changed_subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions
            .values()
            .flatten()
            .filter(|subscription| {
                let stored = self.stored_histories.get(&subscription.id);
                stored != Some(&subscription.history_len())
            })
    }
}
