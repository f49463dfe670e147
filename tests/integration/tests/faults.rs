//! The table of faults. Each row injects faults under a load of mixed commands of several
//! producers. Every confirmed command must end in the ledger exactly once, in the order of its
//! user.
//!
//! The rows run one after the other on throw-away servers, and one table is printed:
//!
//! ```text
//! ./tests/run -p integration --test faults                      # a few faults per row
//! ./tests/run -p integration --test faults -- --full            # many faults: half an hour or more
//! ./tests/run -p integration --test faults -- --list            # list the rows
//! ./tests/run -p integration --test faults -- redis --seed 7    # rows by name, with this seed
//! ```
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "faults/broker.rs"]
mod broker;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/file.rs"]
mod file;
#[path = "faults/messages.rs"]
mod messages;
#[path = "faults/redis.rs"]
mod redis;
#[path = "faults/shards.rs"]
mod shards;
#[path = "faults/worker.rs"]
mod worker;

use std::{io::Write, process::ExitCode};

use clap::Parser;
use integration::faults::{
    bench::{Bench, Fault},
    table,
};

/// Faults under load: one table
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Args {
    /// Run only the rows whose name or function contains one of these texts
    filter: Vec<String>,
    /// Inject many faults per row; takes half an hour or more
    #[arg(long)]
    full: bool,
    /// Use the random numbers of an earlier run
    #[arg(long, env = "SCRIP_SEED")]
    seed: Option<u64>,
    /// Number of runs of the whole table
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// List the rows without running them
    #[arg(long)]
    list: bool,
    /// Print each row also as a line of JSON
    #[arg(long)]
    json: bool,
    /// Accepted and ignored, like the other options of `cargo test` below
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    test_threads: Option<u32>,
    #[arg(long, hide = true)]
    skip: Vec<String>,
}

/// The rows of the table, each with the path of its function.
macro_rules! rows {
    ($($name:literal => $run:path,)*) => {
        [$((
            Fault { name: $name, run: |bench| Box::pin($run(bench)) },
            stringify!($run),
        ),)*]
    };
}

fn rows() -> Vec<(Fault, &'static str)> {
    Vec::from(rows! {
        "worker: SIGKILL at random moments" => worker::killed_at_random_moments_and_started_again,
        "worker: SIGTERM, another waits" => worker::asked_to_stop_while_another_waits,
        "worker: SIGSTOP beyond the heartbeat, another waits" =>
            worker::suspended_for_longer_than_the_heartbeat,
        "worker: two to four of them join and leave" => worker::two_then_four_join_and_leave,
        "broker: restarted" => broker::restarted,
        "broker: SIGKILL" => broker::killed,
        "broker: cut while producers publish" => broker::cut_while_producers_publish,
        "broker: cut while it confirms" => broker::cut_while_it_confirms,
        "broker: cut while workers acknowledge" => broker::cut_while_workers_acknowledge,
        "broker: cut while it delivers" => broker::cut_while_it_delivers,
        "broker: half-open beyond the heartbeat" => broker::half_open_for_longer_than_the_heartbeat,
        "broker: blocks publishers" => broker::blocks_publishers,
        "broker: closes every channel" => broker::closes_every_channel,
        "broker: a queue is deleted" => broker::a_queue_is_deleted,
        "database: restarted" => database::restarted,
        "database: SIGKILL" => database::killed,
        "database: sessions ended" => database::sessions_ended,
        "database: cut in the middle of a group or its commit" =>
            database::cut_in_the_middle_of_a_group_or_its_commit,
        "database: half-open" => database::half_open,
        "database: slow and narrow" => database::slow_and_narrow,
        "database: out of connections" => database::out_of_connections,
        "database: read-only" => database::read_only,
        "database: statement timeout" => database::statements_time_out,
        "database: deadlock" => database::deadlocked,
        "database: serialization failure" => database::serialization_failures,
        "file: disk full" => file::disk_full,
        "file: worker SIGKILL" => file::its_worker_is_killed,
        "redis: SIGKILL and emptied" => redis::killed_and_emptied,
        "clock: steps back and forth" => clock::steps_back_and_forth,
        "clock: far off and right again" => clock::far_off_and_right_again,
        "clock: of a file, far off and right again" =>
            clock::of_a_file_far_off_and_right_again,
        "shards: another number, drained first" => shards::changed_when_drained,
        "shards: another number, messages queued" => shards::changed_while_messages_are_queued,
        "schema: newer than the worker" => shards::the_schema_changes_under_serving_workers,
        "messages: poison and rubbish in between" => messages::poison_and_rubbish_between_good_ones,
        "messages: each many times" => messages::each_sent_many_times,
    })
}

fn main() -> ExitCode {
    let args = Args::parse();
    let rows: Vec<_> = rows()
        .into_iter()
        .filter(|(fault, run)| {
            let named =
                |part: &String| fault.name.contains(part.as_str()) || run.contains(part.as_str());
            (args.filter.is_empty() || args.filter.iter().any(named))
                && !args.skip.iter().any(named)
        })
        .collect();
    if args.list {
        for (fault, run) in &rows {
            println!("{}: {run}", fault.name);
        }
        return ExitCode::SUCCESS;
    }
    if rows.is_empty() || args.ignored {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(&args, &rows))
}

/// Prints the last lines of the last workers' logs, and writes all logs to a file.
fn show_logs(logs: &[String], name: &str) {
    let file = std::env::temp_dir().join(format!("scrip-fault-{name}.log"));
    if std::fs::write(&file, logs.join("\n")).is_ok() {
        println!("  the logs of all workers: {}", file.display());
    }
    for (number, log) in logs.iter().enumerate().rev().take(4).rev() {
        let lines: Vec<&str> = log.lines().collect();
        println!("  the last log lines of worker {}:", number + 1);
        for line in &lines[lines.len().saturating_sub(30)..] {
            println!("    {line}");
        }
    }
}

async fn run(args: &Args, rows: &[(Fault, &'static str)]) -> ExitCode {
    let seed = args
        .seed
        .unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 % 1_000_000_000);
    // The build must not count in the duration of the first row.
    testkit::process::scrip_program();
    println!("\nSCRIP_SEED={seed} repeats this run");
    let mut all_hold = true;
    for round in 0..u64::from(args.repeat) {
        let mut bench = Bench::start(seed + round, args.full).await;
        let mut done = Vec::new();
        for (fault, run) in rows {
            print!("fault {} ... ", fault.name);
            let _ = std::io::stdout().flush();
            let row = bench.row(fault).await;
            let verdict = if row.holds() { "ok" } else { "BROKEN" };
            println!("{verdict} ({:.1} s)", row.took.as_secs_f64());
            if args.json {
                println!("{}", row.json());
            }
            if !row.holds() {
                all_hold = false;
                for wrong in row.broke.iter().chain(&row.findings.wrong) {
                    println!("  {wrong}");
                }
                show_logs(
                    &row.logs,
                    &format!("{}-{run}", seed + round).replace("::", "-"),
                );
                let full = if args.full { " --full" } else { "" };
                println!(
                    "  again: ./tests/run -p integration --test faults -- --seed {}{full} {run}",
                    seed + round
                );
            }
            done.push(row);
        }
        println!("\n{}\n", table::render(&done));
    }
    ExitCode::from(u8::from(!all_hold))
}
