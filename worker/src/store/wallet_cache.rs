//! A cache of the wallets that this process wrote last.
//!
//! While a lane is subscribed to a shard, no other process serves the users of the shard. So a
//! wallet is usually unchanged when the next command for it arrives. The cache is never trusted: a
//! wallet is written only from the version that was read.

use std::collections::HashMap;

use ledger::Wallet;

/// Wallets, batches and holds in one generation. The cache holds at most two generations: about 25
/// MB.
const GENERATION_CAPACITY: usize = 50_000;
/// Maximum of groups in a row that take the pessimistic path after conflicts, the group with the
/// conflict included.
const MOST_PESSIMISTIC: u32 = 63;

/// A wallet between two groups.
#[derive(Debug)]
pub struct CachedWallet {
    /// With its open holds and the first of its batches in spending order.
    pub wallet: Wallet,
    /// Whether these are all batches of the wallet.
    pub whole: bool,
}

/// The cached wallets of a process, in two generations.
///
/// A wallet that is used moves into the young generation. When the young generation is full, it
/// becomes the old one, and the former old one is dropped.
#[derive(Debug, Default)]
pub struct WalletCache {
    young: HashMap<String, CachedWallet>,
    old: HashMap<String, CachedWallet>,
    /// Wallets and batches in the young generation.
    weight: usize,
    /// Number of the next groups that take the pessimistic path.
    pessimistic_groups: u32,
    /// Length of the last run of groups on the pessimistic path. 0 after a success.
    last_run: u32,
}

impl WalletCache {
    /// Whether the next group may take the optimistic path.
    pub fn is_confident(&mut self) -> bool {
        let confident = self.pessimistic_groups == 0;
        self.pessimistic_groups = self.pessimistic_groups.saturating_sub(1);
        confident
    }

    /// Records a conflict on the optimistic path. The more conflicts follow each other, the more
    /// groups take the pessimistic path.
    pub fn record_conflict(&mut self) {
        self.last_run = (self.last_run * 2 + 1).min(MOST_PESSIMISTIC);
        self.pessimistic_groups = self.last_run - 1;
    }

    /// Removes and returns the wallet of a user. After a failed write the wallet is not put back.
    pub fn take(&mut self, user_id: &str) -> Option<CachedWallet> {
        if let Some(cached) = self.young.remove(user_id) {
            self.weight -= weight(&cached);
            return Some(cached);
        }
        self.old.remove(user_id)
    }

    /// Clears the cache: the next connection may lead to another database, or to the same one after
    /// a loss of data.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }

    /// Inserts the wallets that a group has written.
    pub fn insert(&mut self, wallets: Vec<CachedWallet>) {
        self.last_run = 0;
        for cached in wallets {
            if self.weight >= GENERATION_CAPACITY {
                self.old = std::mem::take(&mut self.young);
                self.weight = 0;
            }
            self.weight += weight(&cached);
            self.old.remove(&cached.wallet.user_id);
            let before = self.young.insert(cached.wallet.user_id.clone(), cached);
            self.weight -= before.as_ref().map_or(0, weight);
        }
    }
}

fn weight(cached: &CachedWallet) -> usize {
    // A hold is kept with its stored row, and has a slice or two.
    1 + cached.wallet.batches().len() + 2 * cached.wallet.holds().count()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn cached(user: usize) -> CachedWallet {
        CachedWallet {
            wallet: Wallet::new(Uuid::from_u128(user as u128), format!("user-{user}")),
            whole: true,
        }
    }

    #[test]
    fn the_cache_drops_wallets_that_are_not_used_and_stays_within_its_limit() {
        let mut wallet_cache = WalletCache::default();
        for user in 0..GENERATION_CAPACITY * 5 {
            wallet_cache.insert(vec![cached(user)]);
            let first = wallet_cache
                .take("user-0")
                .expect("it is used all the time");
            wallet_cache.insert(vec![first]);
            assert!(wallet_cache.young.len() + wallet_cache.old.len() <= GENERATION_CAPACITY * 2);
        }
        assert!(wallet_cache.take("user-1").is_none());
        let last = format!("user-{}", GENERATION_CAPACITY * 5 - 1);
        assert!(wallet_cache.take(&last).is_some());
        assert!(wallet_cache.take(&last).is_none(), "it was taken out");
    }

    #[test]
    fn a_cleared_cache_is_empty() {
        let mut wallet_cache = WalletCache::default();
        for user in 0..=GENERATION_CAPACITY {
            wallet_cache.insert(vec![cached(user)]);
        }
        assert!(!wallet_cache.young.is_empty() && !wallet_cache.old.is_empty());
        wallet_cache.clear();
        let last = format!("user-{GENERATION_CAPACITY}");
        assert!(wallet_cache.take("user-0").is_none() && wallet_cache.take(&last).is_none());
        wallet_cache.insert(vec![cached(0)]);
        assert_eq!(wallet_cache.weight, 1);
    }

    #[test]
    fn the_more_conflicts_follow_each_other_the_fewer_groups_are_tried() {
        let mut wallet_cache = WalletCache::default();
        let mut tried = 0;
        for _ in 0..1_000 {
            if wallet_cache.is_confident() {
                tried += 1;
                wallet_cache.record_conflict();
            }
        }
        assert!(tried < 25, "{tried}");
        while !wallet_cache.is_confident() {}
        wallet_cache.insert(Vec::new());
        wallet_cache.record_conflict();
        assert!(
            wallet_cache.is_confident(),
            "one conflict after a success has no effect"
        );
    }
}
