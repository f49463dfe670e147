//! Fixtures of single tests against real servers. Fixtures of all tests are in `testkit`.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod book;
pub mod faults;
pub mod hold_race;
