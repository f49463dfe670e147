//! `scrip job`: runs jobs by hand and lists their runs.

use std::{process::ExitCode, sync::Arc};

use chrono::{NaiveDate, Utc};
use clap::ValueEnum;
use producer_sdk::{Client, contract::Job};
use serde_json::{Map, json};
use strum::VariantArray;
use tokio_util::sync::CancellationToken;

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows},
    progress, publish, show, values,
};
use crate::{
    app::worker_name,
    audit_log::OperatorAction,
    clock::Clock,
    config::{Backend, Schedule},
    jobs::{ANSWER_TIMEOUT, Claim, Counts, JobRun, Runner, WINDOW, due, scheduler},
    read,
    transport::amqp,
};

const CONNECTION: &str = "scrip job";

/// Run jobs by hand, or list their runs
///
/// Jobs grant the credits of plans, expire credits and check the ledger. Workers run them on a
/// schedule.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Run(RunArgs),
    List(ListArgs),
}

/// Run a job now and wait for its end
///
/// The job runs in this process and sends commands that a worker applies, so a worker must be
/// running. Each job runs once for a date. Exit code 1 if something failed or the book does not
/// balance.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip job run grant
  scrip job run expire --date 2026-11-24 --again")]
pub struct RunArgs {
    /// Job to run
    #[arg(value_enum)]
    job: Name,
    /// Date of the run (UTC): handles what is due by the end of that day, but never beyond now.
    /// Default: today
    #[arg(long, value_name = "DAY", value_parser = values::day, allow_hyphen_values = true)]
    date: Option<NaiveDate>,
    /// Run the job again for a date that already has a run
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    actor: ActorArgs,
}

/// List the last runs, and when the next ones are due
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Number of runs to show
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=1000)
    )]
    limit: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Grant the periods of plans that are due
    Grant,
    /// Take back credits that expired longer ago than ledger.max_lateness
    Expire,
    /// Check whether the book balances
    Verify,
}

/// Runs a subcommand.
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
            "--date {date} is after today, {today} (UTC); allowed is today or a day before"
        )));
    }
    let store = context.ledger().await?;
    let url = context.queue_url().await?;
    if let Ok(Backend::Servers { amqp, .. }) = context.settings.backend() {
        // The broker and the database must belong to the same ledger: what is due in one ledger
        // must not be granted in another.
        amqp::compare_ledger_at(
            amqp.expose(),
            &context.settings.topology()?,
            read::ledger_id(&store).await?,
        )
        .await
        .doing("run a job")?;
    }
    let options = producer_sdk::Options {
        // Larger than the number of open requests, because a send that waits for the window can be
        // overtaken.
        window: 2 * WINDOW,
        ..context.settings.client_options(CONNECTION)
    };
    let client = Client::connect(url.expose(), options)
        .await
        .map_err(|error| publish::unconnected(&url, error))?;
    let runner = Runner {
        clock: Clock::system().checked(
            store.database().clone(),
            context.settings.worker.clock_limits(),
        ),
        database: store.database().clone(),
        rules: Arc::new(context.settings.rules()),
        client: Arc::new(client),
        worker: worker_name(),
        answer_timeout: ANSWER_TIMEOUT,
        stop: CancellationToken::new(),
    };
    let entry = match Entry::begin(context, &args.actor, intention(job, date, args.again)).await {
        Ok(entry) => entry,
        Err(failure) => {
            runner.client.close().await?;
            return Err(failure);
        }
    };
    let mut counts = Counts::default();
    let ran = claim_and_run(&runner, job, date, args.again, &mut counts).await;
    // A run that was not claimed has no counts.
    let has_counted = ran.is_ok() || counts != Counts::default();
    let recorded = entry
        .end(
            &ran,
            Ending {
                completed: is_good(&counts),
                detail: if has_counted {
                    json!({ "counts": counts })
                } else {
                    json!({})
                },
            },
        )
        .await;
    let closed = runner.client.close().await;
    if has_counted {
        if context.json {
            print::json(&json!({ "job": job, "date": date, "result": counts }))?;
        } else {
            let summary = summary(job.as_str(), &counts);
            print::line(&format!("{} of {date}: {summary}", job.as_str()))?;
        }
    }
    ran?;
    closed?;
    recorded?;
    Ok(ExitCode::from(u8::from(!is_good(&counts))))
}

/// Claims and runs a job. `counts` is valid also after an error.
async fn claim_and_run(
    runner: &Runner,
    job: Job,
    date: NaiveDate,
    again: bool,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let run = match runner.claim(job, date, "command line", again).await? {
        Claim::Ours(run) => run,
        Claim::Taken(run) => return Err(taken(&run)),
    };
    let bar = progress::counter(job.as_str());
    let moved = bar.clone();
    let ran = runner
        .run(job, run, |so_far| {
            moved.set_position(so_far.processed + so_far.processed_users + so_far.users_checked);
            counts.clone_from(so_far);
        })
        .await;
    bar.finish_and_clear();
    *counts = ran.doing("finish the job")?;
    Ok(())
}

/// The entry of the audit log for a run: job, date and `--again`.
fn intention(job: Job, date: NaiveDate, again: bool) -> Intention {
    let mut detail = Map::new();
    detail.insert("date".to_owned(), json!(date));
    detail.insert("again".to_owned(), json!(again));
    Intention {
        action: OperatorAction::JobRun,
        subject: Some(job.as_str().to_owned()),
        user_id: None,
        detail,
    }
}

/// Whether the run was successful: exit code 0.
fn is_good(counts: &Counts) -> bool {
    counts.failed == 0 && counts.holds != Some(false)
}

/// The failure if the job already has a run for the date.
fn taken(run: &JobRun) -> Failure {
    let started = show::instant(run.started_at);
    let state = if run.status == "RUNNING" {
        format!("is running since {started} in {}", run.owner)
    } else {
        format!(
            "already ran at {started} ({}); add --again to run it again",
            run.status.to_lowercase()
        )
    };
    Failure::new(format!("{} of {} {state}", run.name, run.run_date))
}

/// The counts of a run as one line of text.
fn summary(job: &str, counts: &Counts) -> String {
    let number = |count: u64, noun: &str| show::counted(count.into(), noun);
    let failed = counts.failed;
    let text = match job {
        "grant" => format!(
            "{}: {} granted {}, {} skipped, {failed} failed",
            number(counts.processed, "period"),
            show::large(counts.successful.into()),
            show::counted(counts.total_granted.into(), "credit"),
            show::large(counts.skipped.into()),
        ),
        "expire" => format!(
            "{} of {}: {} expired, {failed} failed",
            show::batches(counts.processed_batches.into()),
            number(counts.processed_users, "user"),
            show::counted(counts.total_expired_amount.into(), "credit"),
        ),
        _ => {
            let wallets = number(counts.users_checked, "wallet");
            match counts.holds {
                Some(true) => format!("{wallets}: the book balances"),
                Some(false) => format!(
                    "{wallets}: the book does not balance, {} (`scrip verify` names them)",
                    number(counts.violations, "violation")
                ),
                None => format!("{wallets} so far"),
            }
        }
    };
    let seconds = std::time::Duration::from_millis(counts.duration_ms).as_secs_f64();
    let error = counts.error.as_ref();
    let error = error.map_or_else(String::new, |error| format!("; gave up: {error}"));
    format!("{text} in {seconds:.1} s{error}")
}

async fn list(context: &Context, args: &ListArgs) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let runs = store.job_runs(args.limit).await?;
    let schedule = &context.settings.schedule;
    if context.json {
        let next: Vec<_> = Job::VARIANTS
            .iter()
            .map(|&job| json!({ "job": job, "at": next_run(schedule, job) }))
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
            counts.map_or_else(String::new, |counts| summary(&run.name, &counts)),
        ]);
    }
    rows.print()?;
    for &job in Job::VARIANTS {
        let at = next_run(schedule, job).map_or_else(|| "off".to_owned(), show::instant);
        print::line(&format!("next {:<7} {at}", job.as_str()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn next_run(schedule: &Schedule, job: Job) -> Option<chrono::DateTime<Utc>> {
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
