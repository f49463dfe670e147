//! `scrip job`: running jobs by hand, and looking at what they did.

use std::{process::ExitCode, sync::Arc};

use chrono::{NaiveDate, Utc};
use clap::ValueEnum;
use producer_sdk::{Client, contract::Job};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
    progress, publish, service, show,
};
use crate::{
    amqp,
    clock::Clock,
    config::{Backend, Schedule},
    jobs::{Counts, PATIENCE, Runner, WINDOW, due},
    scheduler,
    store::{Claim, JobRun},
};

const CONNECTION: &str = "scrip job";

/// Grant what plans bring, sweep lapsed credits, check the book.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Run a job now and wait for its end
    Run(RunArgs),
    /// The last runs, and when the next ones are due
    List(ListArgs),
}

/// Runs a job in this process; a worker has to be running, which carries out what the job asks for. Each job runs once for
/// a date; exit code 1 if something failed or the book does not balance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip job run grant
  scrip job run expire --date 2026-11-24 --again")]
pub struct RunArgs {
    /// Which job
    #[arg(value_enum)]
    job: Name,
    /// For which date (UTC): what is due by the end of that day, and never what is due later than now. Default: today
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<NaiveDate>,
    /// Run it again for a date for which it has run
    #[arg(long)]
    again: bool,
}

/// Shows runs.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Grants the periods of plans that are due
    Grant,
    /// Sweeps lapsed credits
    Expire,
    /// Checks whether the book balances
    Verify,
}

/// Runs a job or lists runs.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(args) => run_job(context, args).await,
        Command::List(args) => list(context, &args).await,
    }
}

async fn run_job(context: &Context, args: RunArgs) -> Result<ExitCode, Failure> {
    let job = match args.job {
        Name::Grant => Job::Grant,
        Name::Expire => Job::Expire,
        Name::Verify => Job::Verify,
    };
    let today = Utc::now().date_naive();
    let date = args.date.unwrap_or(today);
    if date > today {
        return Err(Failure::new(format!(
            "--date {date} is after today, {today} (UTC): nothing is due yet"
        )));
    }
    let store = context.ledger().await?;
    let url = context.queue_url().await?;
    if let Ok(Backend::Servers { amqp, .. }) = context.settings.backend() {
        // What is due in this database must not be granted in another.
        amqp::compare_ledger_at(amqp.expose(), &context.topology()?, store.ledger_id().await?)
            .await
            .doing("run a job")?;
    }
    let options = producer_sdk::Options {
        // With room to spare: whoever waits for a place may be overtaken.
        window: 2 * WINDOW,
        ..publish::options(context, CONNECTION)
    };
    let client = Client::connect(url.expose(), options)
        .await
        .doing(format!("connect to {url}"))?;
    let runner = Runner {
        clock: Clock::system().checked(store.clone(), context.settings.worker.clock_limits()),
        store,
        rules: Arc::new(context.settings.rules()),
        client: Arc::new(client),
        worker: service::worker_name(),
        patience: PATIENCE,
        stop: CancellationToken::new(),
    };
    let claimed = match runner.claim(job, date, "command line", args.again).await {
        Ok(Claim::Ours(run)) => Ok(run),
        Ok(Claim::Taken(run)) => Err(taken(&run)),
        Err(error) => Err(error.into()),
    };
    let run = match claimed {
        Ok(run) => run,
        Err(failure) => {
            runner.client.close().await?;
            return Err(failure);
        }
    };
    let bar = progress::counter(job.as_str());
    let moved = bar.clone();
    let ran = runner
        .run(job, run, move |counts| {
            moved.set_position(counts.processed + counts.processed_users + counts.users_checked);
        })
        .await;
    bar.finish_and_clear();
    let closed = runner.client.close().await;
    let counts = ran.doing("finish the job")?.counts;
    closed?;
    if context.json {
        print::json(&json!({ "job": job, "date": date, "result": counts }))?;
    } else {
        print::line(&format!(
            "{} of {date}: {}",
            job.as_str(),
            words(job.as_str(), &counts)
        ))?;
    }
    let failed = counts.failed > 0 || counts.holds == Some(false);
    Ok(ExitCode::from(u8::from(failed)))
}

fn taken(run: &JobRun) -> Failure {
    let since = show::instant(run.started_at);
    let what = if run.status == "RUNNING" {
        format!("is being run by {} since {since}", run.owner)
    } else {
        format!(
            "ran at {since} ({}); --again runs it once more",
            run.status.to_lowercase()
        )
    };
    Failure::new(format!("{} of {} {what}", run.name, run.run_date))
}

/// What a run counted, in words.
fn words(job: &str, counts: &Counts) -> String {
    let number = |count: u64| show::credits(i64::try_from(count).unwrap_or(i64::MAX));
    let text = match job {
        "grant" => format!(
            "{} periods: {} granted {} credits, {} skipped, {} failed",
            number(counts.processed),
            number(counts.successful),
            show::credits(counts.total_granted),
            number(counts.skipped),
            number(counts.failed)
        ),
        "expire" => format!(
            "{} batches of {} users: {} credits expired, {} failed",
            number(counts.processed_batches),
            number(counts.processed_users),
            show::credits(counts.total_expired_amount),
            number(counts.failed)
        ),
        _ => {
            let wallets = number(counts.users_checked);
            match counts.holds {
                Some(true) => format!("{wallets} wallets: the book balances"),
                Some(false) => format!(
                    "{wallets} wallets: the book does not balance, {} violations (scrip verify names them)",
                    number(counts.violations)
                ),
                None => format!("{wallets} wallets so far"),
            }
        }
    };
    let seconds = std::time::Duration::from_millis(counts.duration_ms).as_secs_f64();
    let error = counts.error.as_ref();
    let error = error.map_or_else(String::new, |error| format!("; given up: {error}"));
    format!("{text} in {seconds:.1} s{error}")
}

async fn list(context: &Context, args: &ListArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let runs = store.job_runs(args.limit).await?;
    let schedule = &context.settings.schedule;
    if context.json {
        let next: Vec<_> = Job::ALL
            .into_iter()
            .map(|job| json!({ "job": job, "at": next(schedule, job) }))
            .collect();
        let runs: Vec<_> = runs.iter().map(as_json).collect();
        print::json(&json!({ "runs": runs, "next": next }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["date", "job", "status", "started", "by", "result"]);
    for run in &runs {
        let counts = counts(run);
        rows.push([
            run.run_date.clone(),
            run.name.clone(),
            run.status.to_lowercase(),
            show::instant(run.started_at),
            run.started_by.clone(),
            counts.map_or_else(String::new, |counts| words(&run.name, &counts)),
        ]);
    }
    rows.print()?;
    for job in Job::ALL {
        let at = next(schedule, job).map_or_else(|| "off".to_owned(), show::instant);
        print::line(&format!("next {:<7} {at}", job.as_str()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn next(schedule: &Schedule, job: Job) -> Option<chrono::DateTime<Utc>> {
    scheduler::time(schedule, job).map(|at| due::next(at, Utc::now()))
}

fn counts(run: &JobRun) -> Option<Counts> {
    serde_json::from_value(run.result.clone()?).ok()
}

fn as_json(run: &JobRun) -> serde_json::Value {
    json!({
        "job": run.name,
        "date": run.run_date,
        "status": run.status,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "startedBy": run.started_by,
        "worker": run.owner,
        "result": run.result,
    })
}
