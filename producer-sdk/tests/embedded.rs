//! The producer and the client over a real file. A responder replaces the worker.
#![cfg(feature = "embedded")]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod embedded {
    mod fixture;
    mod opening;
    mod publishing;
    mod replies;
}
