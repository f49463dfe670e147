//! The state that a command can change.

use ledger::{Book, Subscription, Wallet};

use super::steps::USERS;

/// The state that a command can change.
#[derive(Debug, PartialEq)]
pub struct State {
    pub wallets: Vec<Option<Wallet>>,
    pub subscriptions: Vec<Vec<Subscription>>,
    pub posted: usize,
}

impl State {
    pub fn from_book(book: &Book) -> Self {
        let subscriptions = USERS.iter().map(|user| book.subscriptions(user).to_vec());
        Self {
            wallets: USERS
                .iter()
                .map(|user| book.wallet(user).cloned())
                .collect(),
            subscriptions: subscriptions.collect(),
            posted: book.postings().len(),
        }
    }

    pub fn wallet(&self, user: &str) -> Option<&Wallet> {
        let mut wallets = self.wallets.iter().flatten();
        wallets.find(|wallet| wallet.user_id == user)
    }
}
