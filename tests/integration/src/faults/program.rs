//! A test program that runs the rows of a table one after the other and prints the table.

use std::{
    future::Future,
    io::Write,
    panic::AssertUnwindSafe,
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::FutureExt;
use testkit::process::take_logs;

use super::{
    bench::Verdict,
    table::{Groups, Row, render},
};

/// The time limit of a row in the short table.
const TIMEOUT: Duration = Duration::from_mins(4);

/// The environment in which rows run, one after the other.
pub trait Environment: Sized {
    /// Starts the servers. With `full` a row injects many faults instead of a few.
    fn start(seed: u64, full: bool) -> impl Future<Output = Self>;

    /// Prepares the next row, also after a row that broke.
    fn prepare(&mut self) -> impl Future<Output = ()>;
}

/// The future of a running row.
pub type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// One fault.
pub struct Fault<E> {
    /// The name in the table.
    pub name: &'static str,
    /// The path of its function. It selects the row as well.
    pub path: &'static str,
    /// Runs the row.
    pub run: for<'a> fn(&'a mut E) -> Running<'a>,
}

/// The rows of a table: `"name" => function`.
#[macro_export]
macro_rules! fault_rows {
    ($($name:literal => $run:path,)*) => {
        Vec::from([$($crate::faults::program::Fault {
            name: $name,
            path: stringify!($run),
            run: |environment| Box::pin($run(environment)),
        },)*])
    };
}

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

/// Runs the rows that the command line selects. `program` is the name of the test program.
pub fn main<E: Environment>(program: &str, rows: Vec<Fault<E>>) -> ExitCode {
    let args = Args::parse();
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|fault| {
            let named =
                |part: &String| fault.name.contains(part.as_str()) || fault.path.contains(&**part);
            (args.filter.is_empty() || args.filter.iter().any(named))
                && !args.skip.iter().any(named)
        })
        .collect();
    if args.list {
        for fault in &rows {
            println!("{}: {}", fault.name, fault.path);
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
    runtime.block_on(run(program, &args, &rows))
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

async fn run<E: Environment>(program: &str, args: &Args, rows: &[Fault<E>]) -> ExitCode {
    let seed = args
        .seed
        .unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1 % 1_000_000_000);
    // The build must not count in the duration of the first row.
    testkit::process::scrip_program();
    println!("\nSCRIP_SEED={seed} repeats this run");
    let mut all_hold = true;
    for round in 0..u64::from(args.repeat) {
        let mut environment = E::start(seed + round, args.full).await;
        let mut done = Vec::new();
        for fault in rows {
            print!("fault {} ... ", fault.name);
            let _ = std::io::stdout().flush();
            let row = run_row(&mut environment, fault, args.full).await;
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
                    &format!("{}-{}", seed + round, fault.path).replace("::", "-"),
                );
                let full = if args.full { " --full" } else { "" };
                println!(
                    "  again: ./tests/run -p integration --test {program} -- --seed {}{full} {}",
                    seed + round,
                    fault.path
                );
            }
            done.push(row);
        }
        println!("\n{}\n", render(&done));
    }
    ExitCode::from(u8::from(!all_hold))
}

/// Runs one row. A panic or a timeout is reported in the row.
async fn run_row<E: Environment>(environment: &mut E, fault: &Fault<E>, full: bool) -> Row {
    take_logs();
    let began = Instant::now();
    let limit = TIMEOUT * if full { 4 } else { 1 };
    let run = async {
        environment.prepare().await;
        (fault.run)(environment).await
    };
    let run = tokio::time::timeout(limit, run);
    let (verdict, broke) = match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(verdict)) => (Some(verdict), None),
        Ok(Err(_)) => (None, Some(format!("not finished after {limit:?}"))),
        Err(panic) => (None, Some(panic_message(panic.as_ref()))),
    };
    let logs = take_logs();
    let groups = Groups::from_logs(&logs);
    let (injected, recoveries, findings) = verdict.map_or_else(Default::default, |mut verdict| {
        if verdict.has_optimistic_path && (groups.optimistic == 0 || groups.pessimistic == 0) {
            let wrong = format!("groups were not committed on both paths: {groups:?}");
            verdict.findings.wrong.push(wrong);
        }
        (verdict.injected, verdict.recoveries, verdict.findings)
    });
    Row {
        logs,
        fault: fault.name.to_owned(),
        injected,
        findings,
        recoveries,
        groups,
        broke,
        took: began.elapsed(),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the row panicked".to_owned())
}
