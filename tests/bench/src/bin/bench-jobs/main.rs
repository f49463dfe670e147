//! The benchmark of jobs, a long history and the verification on a ledger of a million users. It
//! measures the duration and the memory of each process.
//!
//! `cargo run --release -p bench --bin bench-jobs`
//!
//! It runs real processes of `scrip` on the RabbitMQ of `AMQP_URL` and the PostgreSQL of
//! `DATABASE_URL`. `-- --help` shows the options for a smaller ledger.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod fixture;
mod jobs;
mod process;
mod reads;
mod report;
mod scale;
mod seed;
mod sql;
mod verify;

use clap::Parser;
use fixture::Fixture;
use report::Report;
use scale::Scale;

/// Measure the jobs `grant` and `expire`, pages of a long history and `scrip verify`, on the
/// RabbitMQ of `AMQP_URL` and the PostgreSQL of `DATABASE_URL`
#[derive(Debug, Parser)]
#[command(name = "bench-jobs", version)]
struct Arguments {
    #[command(flatten)]
    scale: Scale,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() {
    let Arguments { scale, json } = Arguments::parse();
    scale.check();
    let fixture = Fixture::new().await;
    let seeded = seed::seed(&fixture.database, &scale).await;
    let mut done = Vec::new();
    for (job, rows) in [(&jobs::GRANT, scale.due), (&jobs::EXPIRE, scale.lapsed)] {
        eprintln!("job {}", job.name);
        done.push(jobs::run(&fixture, job, rows).await);
    }
    eprintln!("pages of a history");
    let pages = reads::run(&fixture).await;
    eprintln!("verification");
    let verified = verify::run(&fixture).await;
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
