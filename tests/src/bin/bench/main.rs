//! How fast commands go from the broker into the ledger, beside a worker that only acknowledges and beside a plain
//! worker with one transaction for each command.
//!
//! `cargo run --release -p tests --bin bench -- --help`
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod ack_only;
mod load;
mod plain;
mod report;
mod scrip_worker;

use clap::Parser;
use load::Workload;
use report::{Measure, Report};

/// Measures consume commands a second, end to end over RabbitMQ and PostgreSQL (the usual variables).
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// Consume commands for each measurement of Scrip and of the worker that only acknowledges.
    #[arg(long, default_value_t = 60_000)]
    commands: usize,
    /// Consume commands for each measurement of the plain worker.
    #[arg(long, default_value_t = 6_000)]
    plain_commands: usize,
    /// Users that the commands are spread over evenly.
    #[arg(long, default_value_t = 1_000)]
    users: usize,
    /// Repetitions; every measurement is taken once in each, and medians are told.
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    for round in 1..=arguments.repeat {
        let step = |what: &str| eprintln!("round {round} of {}: {what}", arguments.repeat);
        let workload = |commands, shards| Workload {
            commands,
            users: arguments.users,
            shards,
        };
        step("only acknowledging");
        report.add(
            Measure::AckOnly,
            ack_only::run(&workload(arguments.commands, 1)).await,
        );
        step("one transaction for each command");
        report.add(
            Measure::Plain,
            plain::run(&workload(arguments.plain_commands, 1)).await,
        );
        for (measure, shards) in [(Measure::OneLane, 1), (Measure::TwoLanes, 2)] {
            step(measure.name());
            report.add(
                measure,
                scrip_worker::run(&workload(arguments.commands, shards)).await,
            );
        }
        step("one hot wallet");
        let hot = Workload {
            users: 1,
            ..workload(arguments.commands, 1)
        };
        report.add(Measure::HotWallet, scrip_worker::run(&hot).await);
    }
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_table());
    }
}
