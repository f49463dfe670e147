//! What is bounded when more comes than can be taken, and who waits for whom.
//!
//! How much memory a worker has with millions of queued commands is measured by `bench-pressure`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "pressure/blocked.rs"]
mod blocked;
#[path = "pressure/fairness.rs"]
mod fairness;
#[path = "pressure/hanging.rs"]
mod hanging;
#[path = "pressure/publish.rs"]
mod publish;
#[allow(dead_code, reason = "the tests of the lanes use the rest")]
#[path = "lane/stage.rs"]
mod stage;
#[path = "pressure/window.rs"]
mod window;
