//! The bounds of workers and producers under overload, and the delays of users.
//!
//! `bench-pressure` measures the memory of a worker with millions of queued commands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "pressure/blocked.rs"]
mod blocked;
#[path = "pressure/fairness.rs"]
mod fairness;
#[allow(dead_code, reason = "the tests of the lanes use the rest")]
#[path = "lane/fixture.rs"]
mod fixture;
#[path = "pressure/hanging.rs"]
mod hanging;
#[path = "pressure/publish.rs"]
mod publish;
#[path = "pressure/window.rs"]
mod window;
