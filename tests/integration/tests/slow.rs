//! Slow tests that can run at the same time in one process: each has its own database and its own
//! namespace, and none of them measures time. Those that load the machine, measure time, or read
//! the logs of all workers of the process are programs of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod dead;
mod holds;
mod interleavings;
mod job_queue;
mod jobs;
mod lane;
mod plans;
mod recover;
mod verify;
