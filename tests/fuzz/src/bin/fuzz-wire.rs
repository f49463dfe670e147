//! Publishes random bytes to a real worker for some time:
//! `cargo run -p fuzz --bin fuzz-wire -- --seconds 600`.
//!
//! A round that finds an error ends the run and prints its seed. `-- --seed SEED` repeats the
//! round.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use fuzz::wire::WireFuzzer;
use tokio::time::Instant;
use uuid::Uuid;

/// Publishes random bytes to a real worker
#[derive(Parser)]
struct Arguments {
    /// Duration in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Run only the round of this seed
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut fuzzer = WireFuzzer::start().await;
    let began = Instant::now();
    let mut rounds = 0;
    loop {
        let seed = arguments
            .seed
            .unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1);
        if let Err(error) = fuzzer.round(seed).await {
            eprintln!("seed {seed}: {error}");
            return ExitCode::FAILURE;
        }
        rounds += 1;
        if arguments.seed.is_some() || began.elapsed() > Duration::from_secs(arguments.seconds) {
            break;
        }
    }
    fuzzer.finish().await;
    println!(
        "{rounds} rounds in {} s found no error",
        began.elapsed().as_secs()
    );
    ExitCode::SUCCESS
}
