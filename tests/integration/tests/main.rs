//! The tests against real servers that an ordinary change can break. They are one program, because
//! every program links the whole worker. The slow ones are in `slow.rs` and in programs of their
//! own, and so is `sockets`, which checks every socket of its process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod addresses;
mod architecture;
mod audit;
mod booking;
mod broker_addresses;
mod cancelled;
mod compose;
mod conformance;
mod documents;
mod lease;
mod outage;
mod queries;
mod read;
mod redis;
mod redis_users;
mod report;
mod roles;
mod rows;
mod scheduler;
mod schema;
mod sdk;
mod sdk_holds;
mod servers;
mod supply_chain;
mod wallets;
