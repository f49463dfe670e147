//! How much memory a worker needs, and what producers see, while far more is queued than the database can take; and how
//! much `scrip dead` needs for very many dead letters.
//!
//! `cargo build --release --workspace --bin scrip --bin bench-pressure && target/release/bench-pressure`
//!
//! On RabbitMQ and PostgreSQL (the usual variables), with real processes of `scrip` on a database and a namespace of its
//! own. `-- --help` tells how to make it smaller. Exits with 1 when one of them had more memory than it may.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod backlog;
mod dead;
mod load;
mod queue;
mod report;
mod slow;
mod stage;
mod watch;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use load::Load;
use report::Report;
use stage::Stage;

/// Measures the memory of workers and producers under pressure, and of the command line with very many dead letters, on
/// RabbitMQ and PostgreSQL (the usual variables).
#[derive(Debug, Parser)]
#[command(name = "bench-pressure", version)]
struct Arguments {
    /// Commands that are queued before a worker starts.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    commands: u32,
    /// Commands of the greatest size allowed that are queued before a worker starts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    largest: u32,
    /// `worker.group_max` of the worker that takes those.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    largest_group_max: u16,
    /// Users that the commands are spread over evenly.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// Command queues.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// How long producers publish while the database is slow.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// By how much each answer of the slow database is late, in milliseconds.
    #[arg(long, default_value_t = 40)]
    late: u64,
    /// Commands for each one that the slow database has taken.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    faster: u64,
    /// What the bounded queue holds.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    queue_max: u32,
    /// Dead letters that are listed and replayed.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    letters: u32,
    /// What no process of `scrip` may exceed, in MB.
    #[arg(long, default_value_t = 200)]
    limit_mb: u32,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A kind of pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Everything is queued before the worker starts.
    Backlog,
    /// The same with commands of the greatest size allowed.
    Largest,
    /// Producers publish faster than a slow database takes.
    Slow,
    /// The same into a queue with a limit, as fast as it lets them.
    Bounded,
    /// Dead letters are listed, replayed and applied.
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

    /// What is measured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backlog => "queued before the worker starts",
            Self::Largest => "the same, of 64 KiB each, small groups",
            Self::Slow => "published while the database is slow",
            Self::Bounded => "the same, into a bounded queue",
            Self::Dead => "dead letters, listed and replayed",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tokio::select! {
        code = measure(&arguments) => code,
        // What was made is removed as it is dropped.
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
                report.add(backlog::run(scenario, Stage::new(shards).await, load).await);
            }
            Scenario::Largest => {
                let load = Load::largest(arguments.largest, users);
                let mut stage = Stage::new(shards).await;
                stage.group_max(arguments.largest_group_max);
                report.add(backlog::run(scenario, stage, load).await);
            }
            Scenario::Slow => report.add(slow::run(users, shards, &pressure).await),
            Scenario::Bounded => {
                report.add(slow::run_bounded(users, arguments.queue_max, &pressure).await);
            }
            Scenario::Dead => {
                let handled = dead::run(Stage::new(shards).await, arguments.letters, users).await;
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
