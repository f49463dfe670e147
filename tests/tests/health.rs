//! How a worker tells over HTTP, and by `scrip health`, how it is.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "health/alive.rs"]
mod alive;
#[path = "health/clock.rs"]
mod clock;
#[path = "health/durability.rs"]
mod durability;
#[path = "health/http.rs"]
mod http;
#[path = "health/metrics.rs"]
mod metrics;
#[path = "health/page.rs"]
mod page;
#[path = "health/ready.rs"]
mod ready;
#[path = "health/stage.rs"]
mod stage;
#[path = "health/trouble.rs"]
mod trouble;
