//! The rows to write after a group was decided.

use std::collections::HashSet;

use uuid::Uuid;

use super::Book;
use crate::{
    posting::Posting,
    subscription::Subscription,
    wallet::{Batch, Wallet},
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
    /// Stored batches that have changed, in the order of their ids.
    pub changed_batches: Vec<&'a Batch>,
    /// Wallets that were opened or have changed, in the order of their users. Their version is the
    /// one that was read, and [`Wallet::next_version`] is the one to write.
    pub changed_wallets: Vec<&'a Wallet>,
    /// Open wallets that the decisions depend on and that have not changed, in the order of their
    /// users.
    pub unchanged_wallets: Vec<&'a Wallet>,
    /// Subscriptions that are new or have changed, in the order of their ids.
    pub subscriptions: Vec<&'a Subscription>,
    /// Ids of the unopened wallets that no command opened.
    pub unopened: Vec<Uuid>,
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
            subscriptions: self.changed_subscriptions().collect(),
            unopened: Vec::new(),
        };
        changes.postings.sort_unstable_by(|a, b| {
            (a.origin, &a.reference_id, &a.sender).cmp(&(b.origin, &b.reference_id, &b.sender))
        });
        changes
            .subscriptions
            .sort_unstable_by(|a, b| a.id.cmp(&b.id));
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
            for batch in wallet.batches() {
                if deposits.contains(&batch.transaction_id) {
                    changes.new_batches.push((&wallet.user_id, batch));
                } else if allocated.contains(&batch.id) {
                    changes.changed_batches.push(batch);
                }
            }
        }
        changes
            .changed_batches
            .sort_unstable_by_key(|batch| batch.id);
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
