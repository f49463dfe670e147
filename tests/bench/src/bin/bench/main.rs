//! The benchmark of Scrip. It measures Scrip, the broker alone, the database alone and a plain
//! worker in turn on the same machine, and compares the figures.
//!
//! `cargo build --release --workspace --bin scrip --bin bench && target/release/bench`
//!
//! It runs on the RabbitMQ of `AMQP_URL` and the PostgreSQL of `DATABASE_URL`. A figure counts only
//! after a check that every command was applied exactly once. `--help` shows how to select cases.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod broker_alone;
mod case;
mod cases;
mod cpu;
mod echo;
mod embedded;
mod fixture;
mod held;
mod http;
mod lanes;
mod large;
mod latency;
mod ledger;
mod load;
mod machine;
mod pgbench;
mod plain;
mod processes;
mod publisher;
mod report;
mod scrip;
mod series;
mod targets;
mod workload;

use std::{process::ExitCode, time::Duration};

use ::scrip::runtime::runtime;
use case::{Case, Profile};
use clap::Parser;
use fixture::Fixture;
use indicatif::{ProgressBar, ProgressStyle};
use report::Report;

/// Measure Scrip, the broker alone, pgbench, and a worker with one transaction per command
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// Set of cases
    #[arg(value_enum, default_value = "quick")]
    profile: Profile,
    /// Run only the cases whose name contains one of these texts
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Number of rounds; each round measures each case once, and the report shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// List the cases without running them
    #[arg(long)]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen = |case: &&Case| {
        let named = arguments
            .only
            .iter()
            .any(|text| case.name.contains(text.as_str()));
        case.profile <= arguments.profile && (named || arguments.only.is_empty())
    };
    let cases: Vec<_> = cases::ALL.iter().filter(chosen).collect();
    if cases.is_empty() {
        eprintln!(
            "error: no case of this profile has a name that contains one of {:?}",
            arguments.only
        );
        return ExitCode::from(2);
    }
    if arguments.list {
        for case in cases {
            println!("{:<32}{}", case.name, case.description);
        }
        return ExitCode::SUCCESS;
    }
    // The same runtime as in a worker, because the lanes run in it.
    let runtime = runtime().expect("a runtime");
    let mut measuring = Box::pin(measure(&arguments, &cases));
    let interrupted = runtime.block_on(async {
        tokio::select! {
            () = &mut measuring => false,
            _ = tokio::signal::ctrl_c() => true,
        }
    });
    // Workers stop first, because they would declare removed queues again. Then the drops remove
    // queues and databases.
    let handle = runtime.handle().clone();
    runtime.shutdown_timeout(Duration::from_secs(10));
    let _entered = handle.enter();
    drop(measuring);
    if interrupted {
        ExitCode::from(130)
    } else {
        ExitCode::SUCCESS
    }
}

async fn measure(arguments: &Arguments, cases: &[&Case]) {
    let mut fixture = Fixture::new(arguments.profile);
    let mut report = Report::new(arguments.profile, machine::describe().await);
    let bar = ProgressBar::new(u64::from(arguments.rounds) * cases.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    for round in 1..=arguments.rounds {
        for case in cases {
            bar.set_message(format!("round {round}: {}", case.description));
            let measured = case.run(&mut fixture).await;
            bar.suspend(|| eprintln!("round {round}: {} {}", case.name, case.describe(&measured)));
            report.add(case, &measured);
            for note in fixture.notes.drain(..) {
                report.note(format!("{}, round {round}: {note}", case.name));
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", report.to_json());
    } else {
        print!("{}", report.to_table());
    }
}
