//! Wallets as they were written last, kept for the groups to come.
//!
//! A shard's users are one lane's for as long as its subscription lasts, so what a process wrote of a wallet is as a rule still
//! so when the next command comes. It is never taken on trust: a wallet is written only from the version that was read.

use std::collections::HashMap;

use ledger::Wallet;

/// So many wallets and batches are kept at least before the oldest are forgotten, and twice as many at most: about 25 MB.
const ENOUGH: usize = 50_000;
/// After groups that were decided in vain, one after the other, at most so many go the careful way unasked.
const MOST_CAREFUL: u32 = 63;

/// A wallet between two groups.
#[derive(Debug)]
pub struct Kept {
    /// With the first of its batches in spending order.
    pub wallet: Wallet,
    /// Whether those are all batches that it has.
    pub whole: bool,
}

/// The wallets of a process, in two generations: what is used moves into the young one; when that is full the old one is
/// forgotten.
#[derive(Debug, Default)]
pub struct Keeper {
    young: HashMap<String, Kept>,
    old: HashMap<String, Kept>,
    /// Wallets and batches in the young generation.
    weight: usize,
    /// So many groups go the careful way.
    careful: u32,
    /// So many did the last time.
    last: u32,
}

impl Keeper {
    /// Whether the next group may be tried the quick way.
    pub fn is_confident(&mut self) -> bool {
        let confident = self.careful == 0;
        self.careful = self.careful.saturating_sub(1);
        confident
    }

    /// Notes that a group was decided in vain: the more in a row, the longer nothing is tried.
    pub fn failed(&mut self) {
        self.last = (self.last * 2 + 1).min(MOST_CAREFUL);
        self.careful = self.last - 1;
    }

    /// Takes a user's wallet out: whoever fails to write it does not put it back.
    pub fn take(&mut self, user_id: &str) -> Option<Kept> {
        if let Some(kept) = self.young.remove(user_id) {
            self.weight -= weight(&kept);
            return Some(kept);
        }
        self.old.remove(user_id)
    }

    /// Forgets everything: it may be another database that answers next, or the same one after a loss.
    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }

    /// Keeps what a group has written.
    pub fn keep(&mut self, wallets: Vec<Kept>) {
        self.last = 0;
        for kept in wallets {
            if self.weight >= ENOUGH {
                self.old = std::mem::take(&mut self.young);
                self.weight = 0;
            }
            self.weight += weight(&kept);
            self.old.remove(&kept.wallet.user_id);
            let before = self.young.insert(kept.wallet.user_id.clone(), kept);
            self.weight -= before.as_ref().map_or(0, weight);
        }
    }
}

fn weight(kept: &Kept) -> usize {
    1 + kept.wallet.batches().len()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn kept(user: usize) -> Kept {
        Kept {
            wallet: Wallet::prepared(Uuid::from_u128(user as u128), format!("user-{user}")),
            whole: true,
        }
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten_and_no_more_is_kept_than_allowed() {
        let mut keeper = Keeper::default();
        for user in 0..ENOUGH * 5 {
            keeper.keep(vec![kept(user)]);
            let first = keeper.take("user-0").expect("it is used all the time");
            keeper.keep(vec![first]);
            assert!(keeper.young.len() + keeper.old.len() <= ENOUGH * 2);
        }
        assert!(keeper.take("user-1").is_none());
        let last = format!("user-{}", ENOUGH * 5 - 1);
        assert!(keeper.take(&last).is_some());
        assert!(keeper.take(&last).is_none(), "it was taken out");
    }

    #[test]
    fn nothing_is_left_when_all_is_forgotten() {
        let mut keeper = Keeper::default();
        for user in 0..=ENOUGH {
            keeper.keep(vec![kept(user)]);
        }
        assert!(!keeper.young.is_empty() && !keeper.old.is_empty());
        keeper.clear();
        assert!(keeper.take("user-0").is_none() && keeper.take(&format!("user-{ENOUGH}")).is_none());
        keeper.keep(vec![kept(0)]);
        assert_eq!(keeper.weight, 1);
    }

    #[test]
    fn the_more_groups_fail_in_a_row_the_fewer_are_tried() {
        let mut keeper = Keeper::default();
        let mut tried = 0;
        for _ in 0..1_000 {
            if keeper.is_confident() {
                tried += 1;
                keeper.failed();
            }
        }
        assert!(tried < 25, "{tried}");
        while !keeper.is_confident() {}
        keeper.keep(Vec::new());
        keeper.failed();
        assert!(keeper.is_confident(), "one failure after a success is nothing");
    }
}
