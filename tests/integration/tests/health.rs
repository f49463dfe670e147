//! The health reports of a worker, over HTTP and with `scrip health`.
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
#[path = "health/fixture.rs"]
mod fixture;
#[path = "health/http.rs"]
mod http;
#[path = "health/metrics.rs"]
mod metrics;
#[path = "health/outages.rs"]
mod outages;
#[path = "health/page.rs"]
mod page;
#[path = "health/ready.rs"]
mod ready;
