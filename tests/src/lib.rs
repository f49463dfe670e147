//! Code that the integration tests and the benchmarks share.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod book;
pub mod broker;
pub mod certificates;
pub mod db;
pub mod faults;
pub mod fuzz;
pub mod ledger;
pub mod memory;
pub mod model;
pub mod oracle;
pub mod pooler;
pub mod process;
pub mod proxy;
pub mod raw_amqp;
pub mod secured;
pub mod servers;
pub mod slow;
pub mod sources;
pub mod standby;
pub mod stepped_clock;
pub mod trace;
pub mod wire_fuzz;
pub mod year;
