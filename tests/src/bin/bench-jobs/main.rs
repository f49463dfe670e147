//! Jobs, a long history and the verification on a ledger of a million users: how long they take, and how much memory
//! the processes need.
//!
//! `cargo run --release -p tests --bin bench-jobs`
//!
//! On RabbitMQ and PostgreSQL (the usual variables), with real processes of `scrip`. `-- --help` tells how to make it
//! smaller.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod jobs;
mod process;
mod reads;
mod report;
mod scale;
mod seed;
mod sql;
mod stage;
mod verify;

use clap::Parser;
use report::Report;
use scale::Scale;
use stage::Stage;

/// Measures the jobs `grant` and `expire`, pages of a long history and `scrip verify`, on RabbitMQ and PostgreSQL (the
/// usual variables).
#[derive(Debug, Parser)]
#[command(name = "bench-jobs", version)]
struct Arguments {
    #[command(flatten)]
    scale: Scale,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() {
    let Arguments { scale, json } = Arguments::parse();
    scale.check();
    let stage = Stage::new().await;
    let seeded = seed::seed(&stage.database, &scale).await;
    let mut done = Vec::new();
    for (job, rows) in [(&jobs::GRANT, scale.due), (&jobs::EXPIRE, scale.lapsed)] {
        eprintln!("job {}", job.name);
        done.push(jobs::run(&stage, job, rows).await);
    }
    eprintln!("pages of a history");
    let pages = reads::run(&stage).await;
    eprintln!("verification");
    let verified = verify::run(&stage).await;
    let report = Report {
        seeded,
        jobs: done,
        pages,
        verified,
    };
    if json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_table());
    }
}
