//! The path of deliveries between a transport and the ledger. It names neither: a lane lends it a
//! [`Ledger`] for each group.
//!
//! A lane admits deliveries (it decodes each one), commits the admitted deliveries as one group in
//! order of arrival, and decides for each a [`Settlement`] and perhaps a [`Reply`]. The transport
//! carries out the settlement and acknowledges afterwards. There are four kinds of failure, each
//! with one response:
//!
//! | failure | response | where |
//! |---|---|---|
//! | the message is invalid | dead letter at once, with the reason | [`Pipeline::admit`] |
//! | the rules refuse the command | an outcome: recorded, answered, acknowledged | the ledger |
//! | infrastructure | nothing is settled; pause and retry | [`Stalled`], [`Backoff`] |
//! | poison command | isolated by bisection; delayed three times, then dead letter | [`bisect`] |
//!
//! The settled deliveries are always a prefix of the admitted ones, so acknowledging up to a
//! delivery never acknowledges one that is still open.

pub mod bisect;
mod counters;
mod delivery;
mod lane_state;
mod ledger_port;
mod pass;
mod settlement;
mod snapshot;
mod stats;

pub use bisect::Streak;
pub use counters::LabeledCounter;
pub use delivery::{Admitted, Delivery, ReplyTo};
pub use lane_state::{AtomicLaneState, Heartbeat, LaneState};
pub(crate) use ledger_port::chain;
pub use ledger_port::{Cause, CommitError, Ledger};
pub use pass::{GroupResult, Pipeline, Stalled};
pub use producer_sdk::Backoff;
pub use settlement::{Dead, Delay, MAX_ATTEMPTS, Reply, Settled, Settlement};
pub use snapshot::{
    ConnectionState, Connections, LaneSnapshot, QueueDepth, Queues, WorkerSnapshot,
};
pub use stats::{LaneStats, Snapshot};
