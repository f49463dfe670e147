//! Reading the ledger: balances, batches and history, on committed state.
//!
//! Nothing here locks or writes, and what is read may be out of date as soon as it is returned: to read one's own
//! write, look at the outcome of the command. Each function answers from one statement, or from rows that never change
//! once they are there, so that what it returns fits together.

mod actions;
mod balance;
mod batches;
mod due;
mod error;
mod history;
pub mod report;
pub(crate) mod sql;
mod subscriptions;
mod wallets;

pub use actions::{Action, ActionFilter, ActionPage, ActionStatus, MAX_ACTIONS, actions};
pub use balance::{balance, balances, has_wallet};
pub use batches::batches;
pub use due::{Page as DuePage, due_subscriptions, lapsed_users};
pub use error::ReadError;
pub use history::{Cursor, CursorError, HistoryItem, MAX_PAGE, Page, PageRequest, count, history};
pub use report::report;
pub use subscriptions::subscriptions;
pub use wallets::{WalletFilter, WalletPage, wallets};
