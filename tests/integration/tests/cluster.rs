//! Workers on a cluster of three RabbitMQ nodes, of which one fails.
//!
//! The times until service resumes are printed: `./tests/run -p integration --test cluster --
//! --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "cluster/connected_node.rs"]
mod connected_node;
#[path = "cluster/fixture.rs"]
mod fixture;
#[path = "cluster/starting.rs"]
mod starting;
#[path = "cluster/unavailable.rs"]
mod unavailable;
