//! The fuzz targets, and the fuzzer of the wire.
//!
//! A target is a plain function, so that `tests/fuzz/run` can run it for hours with a fuzzer, and
//! `tests/fuzz/tests/fuzz.rs` for seconds without one. It panics if an expectation does not hold.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

pub mod bytes;
mod decode;
mod escaped;
mod headers;
pub mod mutate;
pub mod seeds;
mod sequence;
mod text;
pub mod wire;

pub use decode::decode;
pub use sequence::sequence;
pub use text::text;

#[path = "../../../worker/ledger/tests/properties/mod.rs"]
pub mod properties;

/// Runs a target on one input.
pub type Target = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: [(&str, Target); 3] =
    [("decode", decode), ("sequence", sequence), ("text", text)];
