//! The wallets of a book, and which of them have changed.

use std::collections::{HashMap, hash_map::Entry};

use chrono::{DateTime, Utc};

use crate::{decision::Context, wallet::Wallet};

/// Wallets by user.
#[derive(Clone, Debug, Default)]
pub(super) struct Wallets(HashMap<String, Slot>);

/// A wallet, with what its row contained when it was read.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    wallet: Wallet,
    /// `None` if the user has no wallet yet. Then the first transaction opens it.
    stored: Option<Mark>,
}

/// The fields that tell whether a wallet has changed. Every completed transaction is counted.
/// Without a transaction only the due time changes, and holds that have expired are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    transaction_count: i64,
    next_due_at: Option<DateTime<Utc>>,
    holds_end_at: Option<DateTime<Utc>>,
}

impl Mark {
    const fn new(wallet: &Wallet) -> Self {
        Self {
            transaction_count: wallet.transaction_count,
            next_due_at: wallet.next_due_at,
            holds_end_at: wallet.holds_end_at,
        }
    }
}

impl Wallets {
    /// Adds the wallet of a user.
    pub fn add(&mut self, wallet: Wallet) {
        let stored = Some(Mark::new(&wallet));
        self.insert(wallet, stored);
    }

    /// Adds an empty wallet that a command may open.
    pub fn add_unopened(&mut self, wallet: Wallet) {
        self.insert(wallet, None);
    }

    fn insert(&mut self, wallet: Wallet, stored: Option<Mark>) {
        self.0
            .insert(wallet.user_id.clone(), Slot { wallet, stored });
    }

    /// The wallet of a user, if it is open.
    pub fn get(&self, user_id: &str) -> Option<&Wallet> {
        self.0.get(user_id).and_then(Slot::open)
    }

    /// The wallet of a user, if it is open.
    pub fn get_mut(&mut self, user_id: &str) -> Option<&mut Wallet> {
        let slot = self.0.get_mut(user_id).filter(|slot| slot.is_open());
        slot.map(|slot| &mut slot.wallet)
    }

    /// The wallet of the command's user, open or not. A user without a wallet gets an empty one.
    pub fn get_or_add(&mut self, context: &mut Context<'_>) -> &mut Wallet {
        let slot = match self.0.entry(context.command.user_id.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let wallet = Wallet::new(context.id(), entry.key().clone());
                entry.insert(Slot {
                    wallet,
                    stored: None,
                })
            }
        };
        &mut slot.wallet
    }

    /// Whether a period of any user is due.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.0.values().any(|slot| slot.wallet.is_due(now))
    }

    /// All wallets, open or not, in the order of users.
    pub fn in_order(&self) -> Vec<&Slot> {
        let mut slots: Vec<&Slot> = self.0.values().collect();
        slots.sort_unstable_by(|a, b| a.wallet.user_id.cmp(&b.wallet.user_id));
        slots
    }

    /// The open wallets as they are stored once the group is committed.
    pub fn into_committed(self) -> impl Iterator<Item = Wallet> {
        let open = self.0.into_values().filter(Slot::is_open);
        open.map(|slot| {
            let is_changed = slot.is_changed();
            let mut wallet = slot.wallet;
            if is_changed {
                wallet.version = wallet.next_version();
            }
            wallet.drop_empty_batches();
            wallet.commit_holds();
            wallet
        })
    }
}

impl Slot {
    /// The wallet, open or not.
    pub const fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// The wallet, if it is open.
    pub fn open(&self) -> Option<&Wallet> {
        self.is_open().then_some(&self.wallet)
    }

    /// Whether the user has this wallet.
    pub const fn is_open(&self) -> bool {
        self.stored.is_some() || self.wallet.transaction_count > 0
    }

    /// Whether the wallet differs from its stored row.
    pub fn is_changed(&self) -> bool {
        self.stored != Some(Mark::new(&self.wallet))
    }
}
