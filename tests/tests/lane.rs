//! Commands through a real broker into a real database, and every kind of trouble on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "lane/broken_input.rs"]
mod broken_input;
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
#[path = "lane/stage.rs"]
mod stage;
#[path = "lane/trouble.rs"]
mod trouble;
#[path = "lane/unanswered.rs"]
mod unanswered;
