//! The HTTP API, over both queues and databases: `scrip http` on servers with the role that only
//! reads, and `scrip run --http` on a file.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "http/away.rs"]
mod away;
#[path = "http/batches.rs"]
mod batches;
#[path = "http/client.rs"]
mod client;
#[path = "http/commands.rs"]
mod commands;
#[path = "http/fixture.rs"]
mod fixture;
#[path = "http/guide.rs"]
mod guide;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/monitoring.rs"]
mod monitoring;
#[path = "http/queries.rs"]
mod queries;
#[path = "http/rights.rs"]
mod rights;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/tls_client.rs"]
mod tls_client;
#[path = "http/tokens.rs"]
mod tokens;
#[path = "http/users.rs"]
mod users;
#[path = "http/webhooks.rs"]
mod webhooks;
