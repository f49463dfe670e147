//! What the fuzz targets do with a text of bytes. Plain functions, so that `tests/fuzz` can feed them for hours and
//! `tests/tests/fuzz.rs` for seconds, without a fuzzer. They panic where something does not hold.

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

/// What a target does.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 3] = [("decode", decode), ("sequence", sequence), ("text", text)];
