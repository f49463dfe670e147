//! The fuzz targets. They are plain functions, so that `tests/fuzz` can run them for hours with a
//! fuzzer, and `tests/tests/fuzz.rs` for seconds without one. A target panics if an expectation
//! does not hold.

pub mod bytes;
mod decode;
mod escaped;
mod headers;
pub mod mutate;
pub mod seeds;
mod sequence;
mod text;

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
