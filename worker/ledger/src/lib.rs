//! The ledger rules of Scrip, as a pure library: it decides what each command does to a wallet.
//!
//! The crate does no I/O. It has no async code, no clock, no random source and no serialisation.
//! The current time and new ids are arguments, so every decision can be repeated exactly, and a
//! test needs neither a database nor a broker.
//!
//! # How to use it
//!
//! A [`Book`] is the in-memory working set of one group of commands, that is, of the commands that
//! are committed in one database transaction.
//!
//! 1. Load: add the wallets, stored outcomes, payments and subscriptions that the commands touch
//!    ([`Book::add_wallet`] and the other `add_…` functions).
//! 2. Decide: pass the commands in order to [`Book::decide`]. Each call returns a [`Decision`] and
//!    changes the book, so a later command sees the effect of an earlier one.
//! 3. Write: take the rows to write from [`Book::changes`] and commit them.
//!
//! ```
//! use chrono::{DateTime, Utc};
//! use ledger::{Action, Book, Command, Consume, Decision, Origin, Rules};
//! use uuid::Uuid;
//!
//! let command = |origin: Origin, reference_id: &str, action: Action| Command {
//!     origin,
//!     reference_id: reference_id.to_owned(),
//!     sender: None,
//!     user_id: "user_123".to_owned(),
//!     occurred_at: None,
//!     received_at: None,
//!     description: None,
//!     metadata: None,
//!     action,
//! };
//! let register = command(Origin::Funding, "g-1", Action::RegistrationBonus);
//! let use_chat = command(
//!     Origin::Usage,
//!     "req-1",
//!     Action::Consume(Consume {
//!         service: "google:chat".to_owned(),
//!         amount: None,
//!         quantity: None,
//!     }),
//! );
//!
//! let rules = Rules::default();
//! let now = DateTime::<Utc>::UNIX_EPOCH;
//! let mut last_id = 0;
//! let mut new_id = || {
//!     last_id += 1;
//!     Uuid::from_u128(last_id)
//! };
//!
//! let mut book = Book::default();
//! book.decide(&register, &rules, now, &mut new_id)?;
//! let decision = book.decide(&use_chat, &rules, now, &mut new_id)?;
//!
//! // The bonus is 20 credits and a chat costs 2.
//! let Decision::Settled(outcome) = decision else {
//!     panic!("a consumption is always settled");
//! };
//! assert_eq!((outcome.amount, outcome.balance), (-2, Some(18)));
//! assert_eq!(book.changes().postings.len(), 2);
//! # Ok::<(), ledger::Inconsistency>(())
//! ```
//!
//! # Main items
//!
//! | Topic | Items |
//! |---|---|
//! | Input | [`Command`], [`Action`], [`Origin`], [`Rules`] |
//! | Result | [`Decision`], [`Outcome`], [`Refusal`] in order of precedence, [`Inconsistency`] |
//! | Rows to write | [`Changes`], [`Posting`], [`Allocation`], [`Wallet`], [`Batch`] |
//! | Idempotency | [`Fingerprint`], [`Record`], [`RecordedTransaction`], [`PaymentKey`] |
//! | Refunds | [`Original`], [`RefundedOriginal`] |
//! | Revocations | [`DepositRecord`], [`RevocationRecord`], [`RevokedDeposit`] |
//! | Debts | [`Debt`], [`DebtChange`], [`DebtPolicy`] |
//! | Subscriptions | [`Subscription`], [`Event`], [`Period`], [`next_grant`] |
//! | Checks | [`check_wallet`] |
//!
//! The book describes the rules: `docs/concepts` and `docs/reference`.
#![deny(missing_docs)]

mod action;
mod amount;
mod batch;
mod book;
mod capture;
mod command;
mod consume;
mod debt;
mod decision;
mod deposit;
mod deposit_record;
mod expire;
mod fingerprint;
mod forgive;
mod freeze;
mod grant;
mod held;
mod hold;
mod hold_record;
mod inconsistency;
mod invariants;
mod monthly;
mod original;
mod outcome;
mod payment;
pub mod period;
mod posting;
mod pricing;
mod purchase;
mod record;
mod refund;
mod refusal;
mod reinstate;
mod repay;
mod revocation_record;
mod revoke;
mod rules;
pub mod status;
mod subscribe;
mod subscription;
mod timeline;
mod wallet;

pub use action::{
    Action, Capture, Consume, Expire, Forgive, Hold, MonthlyGrant, Promotion, Purchase, Refund,
    Reinstate, Release, Revoke, StatusChange, SubscriptionUpdate,
};
pub use amount::{MAX_AMOUNT, Price};
pub use batch::{Batch, BatchStatus, Source};
pub use book::{Book, Changes};
pub use command::{Command, Item, Origin};
pub use debt::{Debt, DebtChange};
pub use decision::IdSource;
pub use deposit_record::{DepositRecord, RevokedCredits, RevokedDeposit};
pub use fingerprint::{FINGERPRINT_LEN, Fingerprint};
pub use hold_record::{HoldRecord, HoldSlice, HoldStatus};
pub use inconsistency::Inconsistency;
pub use invariants::{Broken, check_wallet};
pub use original::{Original, RefundedOriginal};
pub use outcome::{DebtEffect, Decision, Outcome, Status};
pub use payment::{CreditedPayment, PaymentKey};
pub use period::Period;
pub use posting::{
    Allocation, Audit, BatchNote, Detail, Posting, RecordedTransaction, ReplacementNote, Skipped,
    TransactionType,
};
pub use record::Record;
pub use refusal::{Refusal, Refused};
pub use revocation_record::{RevocationPart, RevocationRecord};
pub use rules::{
    DEFAULT_HOLD, DebtPolicy, DefaultPrice, Package, Plan, References, Registration, Rules,
};
pub use scrip_types::{Late, Overrun, RevokeExtent, RevokeTarget};
pub use status::SubscriptionStatus;
pub use subscription::{
    DuePeriod, NextGrant, Subscription, SubscriptionState, has_paid_plan, next_due_at, next_grant,
};
pub use timeline::Event;
pub use wallet::{Wallet, WalletStatus};
