//! The wire contract of Scrip: messages, limits, names and permissions. This module does no I/O.
//!
//! Every message body is one JSON object with a `type`. Reading a command or query is strict: an
//! unknown, missing or misspelt field is a [`Rejection`] that names the field. Reading a reply is
//! lenient, because a newer worker may add fields.
//!
//! | Topic | Items |
//! |---|---|
//! | Commands | [`Command`] and its constructors, [`Body`], [`Kind`], [`Origin`] |
//! | Queries | [`Query`] and its results, such as [`BalanceResult`] |
//! | Replies | [`Reply`]: an [`Outcome`], an [`Answer`] or a [`Rejection`] |
//! | Jobs | [`Job`], [`JobRequest`] |
//! | Routing | [`bucket`](fn@bucket), [`Topology`], [`headers`] |
//! | Access | [`Permissions`], [`Policy`], [`DirectReplyTo`] |
//! | Limits | [`MAX_BODY_BYTES`], [`MAX_ID_BYTES`] and the other `MAX_…` constants |

mod answer;
mod bucket;
mod build;
mod build_holds;
mod build_revoke;
mod characters;
mod checks;
mod command;
mod decode;
pub mod headers;
mod hold_results;
mod holds;
mod instant;
mod job;
mod json;
mod limits;
mod metadata;
mod money;
mod origins;
mod outcome;
mod permissions;
mod policies;
mod query;
mod refund;
mod rejection;
mod reply;
mod reply_to;
mod results;
mod retained;
mod revoke;
#[cfg(test)]
mod tests;
mod topology;
mod wire;

pub use answer::{Answer, AnswerError, BalanceResult, ExpiringBatch, NextGrant};
pub use bucket::{BUCKETS, bucket};
#[doc(hidden)]
pub use characters::is_invisible;
pub use command::{
    AccountChange, Body, Command, Consume, Expire, Grant, Kind, Purchase, Subscription,
};
pub use hold_results::{HoldItem, HoldsResult, QuoteBatch, QuoteResult};
pub use holds::{Capture, Hold, Release};
pub use job::{Job, JobRequest};
pub use limits::{
    MAX_AMOUNT, MAX_BODY_BYTES, MAX_DESCRIPTION_BYTES, MAX_FIELDS, MAX_HOLD_SECONDS, MAX_ID_BYTES,
    MAX_METADATA_BYTES, MAX_METADATA_VALUES, MAX_NESTING, MAX_UNITS, MAX_VALIDITY_DAYS,
};
pub use money::AmountPaid;
pub use outcome::{AllocationItem, Outcome, OutcomeError, Posting};
pub use permissions::{Permissions, Role};
pub use policies::{BROKER_SETTINGS, Policy, USER_LIMITS, VHOST_LIMITS};
pub use query::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_PAGED_ROWS, Query};
pub use refund::Refund;
pub use rejection::{Rejection, RejectionCode};
pub use reply::{Reply, UnreadableReply};
pub use reply_to::{DirectReplyTo, ReplyToError};
pub use results::{
    BatchItem, BatchesResult, CanPurchaseResult, PackageItem, PackagesResult, PriceResult, Pricing,
    TransactionItem, TransactionsResult,
};
pub use revoke::{Forgive, Reinstate, Revoke};
pub use scrip_types::{
    Item, Late, Origin, Overrun, RevokeExtent, RevokeTarget, Status, SubscriptionStatus,
};
pub use topology::{
    Arg, Binding, ExchangeKind, ExchangeSpec, QUERY_KEY, QueueSpec, REPLY_TTL_MILLIS, Topology,
    TopologyError,
};
