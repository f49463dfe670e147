//! The `scrip` program: it parses the command line, runs the command, and reports a failure.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use scrip::{
    cli::{Cli, Failure, escape_lines},
    runtime::runtime,
};

/// The time that blocking work has to end after the command.
const LAST_BLOCKING: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    // Every TLS connection uses this provider. The call fails only if the provider is already set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    let is_json = cli.is_json();
    match run(cli) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            if is_json {
                eprintln!("{}", failure.to_json());
            } else {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}

/// Prints the help or the error about the command line. The error repeats arguments, which may
/// contain control characters, so it is escaped.
fn unparsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render().to_string();
    let failure = Failure::new(text.trim().trim_start_matches("error: ")).as_usage();
    if std::env::args_os().any(|argument| argument == "--json") {
        eprintln!("{}", failure.to_json());
    } else {
        eprint!("{}", escape_lines(&text));
    }
    failure.exit_code()
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(cli.run());
    // A read of a file that hangs must not keep the program from its end.
    runtime.shutdown_timeout(LAST_BLOCKING);
    result
}
