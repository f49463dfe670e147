//! The program: parse, do, report.

use std::process::ExitCode;

use clap::Parser;
use scrip::{
    cli::{Cli, Failure},
    runtime::runtime,
};

/// Something failed. What is wrong with the command line itself is 2, by clap.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    // One provider for every TLS connection; a second one can only be the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    runtime()?.block_on(cli.run())
}
