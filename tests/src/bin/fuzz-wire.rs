//! Publishes random bytes to a real worker for a while: `cargo run -p tests --bin fuzz-wire -- --seconds 600`.
//! A round that finds something ends the run with its seed, which repeats it: `-- --seed SEED`.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tests::wire_fuzz::Bed;
use tokio::time::Instant;
use uuid::Uuid;

/// Publishes random bytes to a real worker.
#[derive(Parser)]
struct Arguments {
    /// How long, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only the round of this seed
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut bed = Bed::start().await;
    let began = Instant::now();
    let mut rounds = 0;
    loop {
        let seed = arguments.seed.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1);
        if let Err(error) = bed.round(seed).await {
            eprintln!("seed {seed}: {error}");
            return ExitCode::FAILURE;
        }
        rounds += 1;
        if arguments.seed.is_some() || began.elapsed() > Duration::from_secs(arguments.seconds) {
            break;
        }
    }
    bed.finish().await;
    println!("{rounds} rounds in {} s found nothing", began.elapsed().as_secs());
    ExitCode::SUCCESS
}
