//! What happens to deliveries between a transport and the ledger, without naming either.
//!
//! A lane admits deliveries (decoding each), commits what it admitted as one group, in order of arrival, and
//! says what is to become of each: a [`Settlement`] and perhaps a [`Reply`]. The transport carries that out and
//! acknowledges afterwards. There are four kinds of trouble, each with one answer:
//!
//! | trouble | answer | where |
//! |---|---|---|
//! | it cannot be understood | dead letter at once, with the reason | [`Pipeline::admit`] |
//! | the rules refuse it | an outcome like any other: recorded, answered, acknowledged | the ledger |
//! | infrastructure | nothing is settled; pause, try again | [`Halt`], [`Backoff`] |
//! | poison | bisected to the one delivery; delayed three times, then dead letter | [`bisect`] |
//!
//! What is settled is always a prefix of what was admitted, so acknowledging up to a delivery never passes one
//! that is still open.

mod backoff;
pub mod bisect;
mod condition;
mod delivery;
mod histogram;
mod ledger_port;
mod pipeline;
mod questions;
mod seen;
mod settlement;
mod stats;
mod store_ledger;
mod store_questions;
mod tally;

pub use backoff::Backoff;
pub use bisect::Streak;
pub use condition::{Condition, Pulse, Shown};
pub use delivery::{Admitted, Delivery};
pub use histogram::Histogram;
pub(crate) use ledger_port::chain;
pub use ledger_port::{Ledger, Trouble};
pub use pipeline::{Halt, Pass, Pipeline};
pub use questions::{Questions, answer, too_many_queries};
pub use seen::{Connections, Length, Link, Queues, Seen, SeenLane};
pub use settlement::{Dead, Delay, MAX_ATTEMPTS, Reply, ReplyTo, Settled, Settlement};
pub use stats::{LaneStats, Snapshot};
pub use store_ledger::StoreLedger;
pub use store_questions::{StoreQuestions, can_purchase};
pub use tally::ByName;
