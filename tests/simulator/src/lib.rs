//! What a ledger must hold, computed independently, and the users and requests that are compared
//! with it: a simulated year, and a trace of real requests.
//!
//! [`model::Model`] is the reference model: it computes the expected result of every message. It is
//! a second, slow and simple implementation of `docs/concepts` that shares no code with the ledger.
//! Two more computations serve other purposes. The property tests of the core have one that follows
//! single commands (`worker/ledger/tests/properties`). The load of the faults has one without a
//! clock (`tests/integration/src/faults/expect.rs`).
//!
//! | file | content |
//! |---|---|
//! | `message` | the published messages |
//! | `rulebook` | the configuration, for the model and for the workers |
//! | `months` | months counted from an anchor, day by day |
//! | `model` | the expected results |
//! | `observed` | the contents of the database, as types of the model |
//! | `world` | the year: its users, and the messages of each day |
//! | `trace` | the trace as commands |
//! | `oracle` | checks of a ledger after commands were applied |
//! | `rng` | random numbers that can be repeated |
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod message;
pub mod model;
pub mod months;
pub mod observed;
pub mod oracle;
pub mod rng;
pub mod rulebook;
pub mod trace;
pub mod world;

use chrono::{DateTime, Utc};

/// An instant.
pub type At = DateTime<Utc>;
