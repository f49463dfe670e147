//! The rows to write after a group was decided.

use uuid::Uuid;

use super::Book;
use crate::{posting::Posting, subscription::Subscription, wallet::Wallet};

/// The rows to write after a group was decided.
#[derive(Debug)]
pub struct Changes {
    /// New transactions with their allocations, in the order of the decisions.
    pub postings: Vec<Posting>,
    /// All open wallets, with their state after the decisions. Only wallets and batches that are
    /// marked as dirty or new have to be written. The version of a dirty wallet is the one to
    /// write.
    pub wallets: Vec<Wallet>,
    /// Subscriptions that are new or changed.
    pub subscriptions: Vec<Subscription>,
    /// Ids of the wallets that were prepared and that no command opened.
    pub unopened: Vec<Uuid>,
}

impl Book {
    /// The rows to write.
    pub fn into_changes(self) -> Changes {
        let mut changes = Changes {
            postings: self.postings,
            wallets: Vec::new(),
            subscriptions: Vec::new(),
            unopened: Vec::new(),
        };
        let subscriptions = self.subscriptions.into_values().flatten();
        changes
            .subscriptions
            .extend(subscriptions.filter(|subscription| subscription.dirty));
        for mut wallet in self.wallets.into_values() {
            if !wallet.open {
                changes.unopened.push(wallet.id);
                continue;
            }
            if wallet.dirty {
                wallet.version = wallet.version.saturating_add(1);
            }
            changes.wallets.push(wallet);
        }
        changes
    }
}
