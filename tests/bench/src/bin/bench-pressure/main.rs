//! The benchmark under pressure. It measures the memory of a worker and the latency of producers
//! while the queues have far more commands than the database can apply, and the memory of
//! `scrip dead` for very many dead letters.
//!
//! Build it with `cargo build --release --workspace --bin scrip --bin bench-pressure`, then run
//! `target/release/bench-pressure`.
//!
//! It runs real processes of `scrip` on the RabbitMQ of `AMQP_URL` and the PostgreSQL of
//! `DATABASE_URL`, with its own database and namespace. `--help` shows the options for a shorter
//! run. The exit code is 1 if a process exceeded the memory limit.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod backlog;
mod dead;
mod fixture;
mod load;
mod queue;
mod report;
mod slow;
mod watch;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use fixture::Fixture;
use load::Load;
use report::Report;

/// Measure the memory of workers and producers under pressure, and of the command line with very
/// many dead letters, on the RabbitMQ of `AMQP_URL` and the PostgreSQL of `DATABASE_URL`
#[derive(Debug, Parser)]
#[command(name = "bench-pressure", version)]
struct Arguments {
    /// Number of commands that are queued before a worker starts
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    commands: u32,
    /// Number of commands of the maximum size that are queued before a worker starts
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    largest: u32,
    /// `worker.group_max` of the worker for the commands of the maximum size
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    largest_group_max: u16,
    /// Number of users that the commands are distributed over
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Number of command queues
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// Seconds for which producers publish while the database is slow
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Delay of each response of the slow database, in milliseconds
    #[arg(long, default_value_t = 40)]
    late: u64,
    /// Number of published commands for each command that the slow database has applied
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    faster: u64,
    /// Capacity of the bounded queue, in commands
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    queue_max: u32,
    /// Number of dead letters that are listed and replayed
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    letters: u32,
    /// Memory limit of each `scrip` process, in MB
    #[arg(long, default_value_t = 200)]
    limit_mb: u32,
    /// Run only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A kind of pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// All commands are queued before the worker starts
    Backlog,
    /// All commands have the maximum size and are queued before the worker starts
    Largest,
    /// Producers publish faster than a slow database applies
    Slow,
    /// Producers publish into a bounded queue as fast as it accepts, while the database is slow
    Bounded,
    /// Dead letters are listed, replayed and applied
    Dead,
}

impl Scenario {
    const ALL: [Self; 5] = [
        Self::Backlog,
        Self::Largest,
        Self::Slow,
        Self::Bounded,
        Self::Dead,
    ];

    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backlog => "queued before the worker starts",
            Self::Largest => "queued, 64 KiB each, small groups",
            Self::Slow => "published while the database is slow",
            Self::Bounded => "bounded queue while the database is slow",
            Self::Dead => "dead letters, listed and replayed",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tokio::select! {
        code = measure(&arguments) => code,
        // The drops remove the database and the namespace.
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

async fn measure(arguments: &Arguments) -> ExitCode {
    let mut report = Report::new(arguments.limit_mb);
    for scenario in Scenario::ALL {
        if !arguments.only.is_empty() && !arguments.only.contains(&scenario) {
            continue;
        }
        eprintln!("{}", scenario.name());
        let (users, shards) = (arguments.users, arguments.shards);
        let pressure = slow::Pressure {
            seconds: Duration::from_secs(arguments.seconds),
            late: Duration::from_millis(arguments.late),
            faster: arguments.faster,
        };
        match scenario {
            Scenario::Backlog => {
                let load = Load::usual(arguments.commands, users);
                report.add(backlog::run(scenario, Fixture::new(shards).await, load).await);
            }
            Scenario::Largest => {
                let load = Load::largest(arguments.largest, users);
                let mut fixture = Fixture::new(shards).await;
                fixture.group_max(arguments.largest_group_max);
                report.add(backlog::run(scenario, fixture, load).await);
            }
            Scenario::Slow => report.add(slow::run(users, shards, &pressure).await),
            Scenario::Bounded => {
                report.add(slow::run_bounded(users, arguments.queue_max, &pressure).await);
            }
            Scenario::Dead => {
                let handled = dead::run(Fixture::new(shards).await, arguments.letters, users).await;
                report.add_handled(handled);
            }
        }
    }
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_table());
    }
    if report.is_within_limit() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
