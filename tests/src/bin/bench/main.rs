//! How fast Scrip is, in figures that are taken in turn and compared with what the broker, the database and a plain
//! worker do on the same machine at the same time.
//!
//! `cargo build --release --workspace --bin scrip --bin bench && target/release/bench`
//!
//! On RabbitMQ and PostgreSQL (the usual variables). Before a figure counts it is checked that every command was applied
//! exactly once. `-- --help` tells how to choose.
#![allow(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod broker_alone;
mod case;
mod cases;
mod cpu;
mod echo;
mod embedded;
mod held;
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
mod stage;
mod targets;
mod workload;

use std::{process::ExitCode, time::Duration};

use ::scrip::runtime::runtime;
use case::{Case, Profile};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use report::Report;
use stage::Stage;

/// Measures how fast Scrip is, beside the broker alone, pgbench, and a worker with one transaction for each command.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// How much is measured.
    #[arg(value_enum, default_value = "quick")]
    profile: Profile,
    /// Only cases whose name contains one of these.
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds; each case is measured once in each, and medians are told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// List the cases and end.
    #[arg(long)]
    list: bool,
    /// Print JSON.
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
            "error: no case of this profile has a name with {:?} in it",
            arguments.only
        );
        return ExitCode::from(2);
    }
    if arguments.list {
        for case in cases {
            println!("{:<32}{}", case.name, case.what);
        }
        return ExitCode::SUCCESS;
    }
    // As a worker has it, whose lanes run in it.
    let runtime = runtime().expect("a runtime");
    let mut measuring = Box::pin(measure(&arguments, &cases));
    let interrupted = runtime.block_on(async {
        tokio::select! {
            () = &mut measuring => false,
            _ = tokio::signal::ctrl_c() => true,
        }
    });
    // Workers first, which would declare again what is removed; then what was made is removed as it is dropped.
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
    let mut stage = Stage::new(arguments.profile);
    let mut report = Report::new(arguments.profile, machine::describe().await);
    let bar = ProgressBar::new(u64::from(arguments.rounds) * cases.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    for round in 1..=arguments.rounds {
        for case in cases {
            bar.set_message(format!("round {round}: {}", case.what));
            let measured = case.run(&mut stage).await;
            bar.suspend(|| eprintln!("round {round}: {} {}", case.name, case.tell(&measured)));
            report.add(case, &measured);
            for note in stage.notes.drain(..) {
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
