//! The documents say what the program does: each command that the README shows is run, and
//! the lists in the reference are compared with the code.

mod asyncapi;
mod compatibility;
mod conformance;
mod names;
mod openapi;
mod pages;
mod readme;
mod schema;
mod written;
