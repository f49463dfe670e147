//! The program: parse, do, report.

use std::process::ExitCode;

use clap::Parser;
use scrip::{
    cli::{Cli, Failure, escape_lines},
    runtime::runtime,
};

/// Something failed. What is wrong with the command line itself is 2, by clap.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    // One provider for every TLS connection; a second one can only be the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    match run(cli) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(FAILED)
        }
    }
}

/// Shows the help, or what is wrong with the command line. The latter repeats arguments, which may hold anything.
fn unparsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    eprint!("{}", escape_lines(&error.render().to_string()));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED))
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    runtime()?.block_on(cli.run())
}
