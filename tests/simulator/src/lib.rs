//! Independent computations of what a ledger must hold, and the users and requests that they are
//! compared with: a simulated year, and a trace of real requests.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod model;
pub mod oracle;
pub mod trace;
pub mod year;
