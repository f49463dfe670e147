//! Commands through a real broker into a real database, with every kind of error on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "lane/broken_input.rs"]
mod broken_input;
#[path = "lane/commit_errors.rs"]
mod commit_errors;
#[path = "lane/fixture.rs"]
mod fixture;
#[path = "lane/flood.rs"]
mod flood;
#[path = "lane/hostile.rs"]
mod hostile;
#[path = "lane/order.rs"]
mod order;
#[path = "lane/recovery.rs"]
mod recovery;
#[path = "lane/replies.rs"]
mod replies;
#[path = "lane/unanswered.rs"]
mod unanswered;
