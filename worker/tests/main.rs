//! The program `scrip` as a process. All of these tests are one test program, because linking it
//! takes long. No test changes the environment or the working directory of this process.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod actor;
mod backup;
mod catalog;
mod cli;
mod clipped;
mod config;
mod demo;
mod embedded;
mod holds;
mod jobs;
mod mistakes;
mod poison;
#[cfg(unix)]
mod private;
mod process;
mod publish;
mod replay;
mod reports;
mod revocations;
mod servers;
mod setup;
mod urls;
