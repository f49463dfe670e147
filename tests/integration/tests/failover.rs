//! Failover of PostgreSQL: workers follow the primary, and never write to an old one.
//!
//! The times until service resumes are printed: `./tests/run -p integration --test failover --
//! --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "failover/fixture.rs"]
mod fixture;
#[path = "failover/promoted.rs"]
mod promoted;
#[path = "failover/split_brain.rs"]
mod split_brain;
