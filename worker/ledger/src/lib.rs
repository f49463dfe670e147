//! The pure core of Scrip: what each command does to a wallet, and nothing else.
//!
//! No I/O, no async, no clock, no random source, no serialisation: time and ids are arguments, so every
//! decision can be repeated. A [`Book`] holds the wallets that one group of commands touches; it decides the
//! commands in order, in memory ([`Book::decide`]), and [`Book::into_changes`] tells what has to be written.
//!
//! The rules are described in `SEMANTICS.md`; [`Refusal`] lists every refusal in its order of precedence.
#![deny(missing_docs)]

mod account;
mod amount;
mod book;
mod command;
mod consume;
mod expire;
mod fingerprint;
mod grant;
mod invariants;
mod monthly;
mod outcome;
mod payment;
pub mod period;
mod posting;
mod purchase;
mod refusal;
mod rules;
mod subscribe;
mod subscription;
mod timeline;
mod wallet;

pub use amount::{MAX_AMOUNT, Price};
pub use book::{Book, Changes};
pub use command::{Action, Command, Item, Origin};
pub use fingerprint::{FINGERPRINT_LEN, Fingerprint};
pub use invariants::{Broken, check_wallet};
pub use outcome::{Decision, Outcome, Record, Status};
pub use payment::{CreditedPayment, PaymentKey};
pub use period::Period;
pub use posting::{Allocation, BatchNote, Detail, Posting, Skipped, TransactionType};
pub use refusal::{Refusal, Refused};
pub use rules::{DefaultPrice, Package, Plan, References, Registration, Rules};
pub use subscription::{
    DuePeriod, NextGrant, Subscription, SubscriptionState, SubscriptionStatus, has_paid_plan, next_due_at,
    next_grant,
};
pub use timeline::Event;
pub use wallet::{Batch, BatchStatus, Inconsistency, Source, Wallet, WalletStatus};
