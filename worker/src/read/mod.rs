//! Reads of the ledger: balances, batches, histories and reports, from committed rows.
//!
//! No function here locks or writes. A result may be out of date as soon as it is returned; to
//! read one's own write, use the outcome of the command. Each function reads one statement, or rows
//! that never change once they exist, so that its result is consistent.

mod actions;
mod balance;
mod batches;
mod due;
mod error;
mod history;
mod holds;
mod identity;
mod more;
mod payments;
mod quote;
mod recovery;
pub mod report;
mod reserved;
pub(crate) mod sql;
pub(crate) mod stored_debts;
pub(crate) mod stored_subscriptions;
mod subscriptions;
mod time;
mod wallets;

pub use actions::{Action, ActionFilter, ActionPage, ActionStatus, MAX_ACTIONS, actions};
pub use balance::{balance, balances, has_wallet};
pub use batches::batches;
pub use due::{
    Page as DuePage, due_subscriptions, users_with_ended_holds, users_with_expired_batches,
};
pub use error::ReadError;
pub use history::{Cursor, CursorError, HistoryItem, MAX_PAGE, Page, PageRequest, count, history};
pub use holds::holds;
pub use identity::ledger_id;
pub use more::{List, has_more};
pub use payments::{CreditedPosition, GrantedPeriod, credited, granted, grants, purchases};
pub use quote::{QuoteRequest, quote};
pub use recovery::{Reference, decided_references, existing_transactions, settled_ranges};
pub use report::report;
pub use reserved::{Reserved, reserved};
pub use subscriptions::{subscriptions, with_ids as subscriptions_with_ids};
pub use time::time;
pub use wallets::{WalletFilter, WalletPage, wallets};
