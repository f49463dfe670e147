//! The HTTP API beside the SDK: how many commands each accepts, and how long an outcome takes.
//!
//! `scrip http` runs as a process of its own. The client sends its requests over connections that
//! stay open, and does little else.

mod accept;
mod client;
mod outcome;
mod server;

pub use accept::{over_http, over_sdk};
pub use outcome::run as outcome;
