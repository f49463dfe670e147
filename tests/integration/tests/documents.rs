//! The documents say what the program does: each command that the README shows is run, and
//! the lists in the reference are compared with the code.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "documents/conformance.rs"]
mod conformance;
#[path = "documents/names.rs"]
mod names;
#[path = "documents/readme.rs"]
mod readme;
#[path = "documents/written.rs"]
mod written;
