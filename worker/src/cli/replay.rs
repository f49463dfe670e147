//! `scrip replay`: publishes a file of commands.

mod lines;
mod summary;

use std::{collections::VecDeque, path::PathBuf, process::ExitCode, time::Duration};

use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use producer_sdk::{Client, Command, Options, Producer};
use serde_json::{Map, json};
use tokio::{task::unconstrained, time::Instant};

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print, progress, publish,
    signals::Signals,
};
use crate::{audit_log::OperatorAction, config::SecretUrl, rate_limit::rate_limit};
use lines::Lines;
use summary::Summary;

const CONNECTION: &str = "scrip replay";

/// Publish a file of commands, in the order of its lines
///
/// The file is JSON Lines: one command body on each line. Every line is checked before the first
/// one is published; if a line is wrong, nothing is published. It is safe to publish a file again:
/// a command that was already decided returns the same outcome and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip replay commands.jsonl
  scrip replay commands.jsonl --wait --rate 500
  zcat commands.jsonl.gz | scrip replay -")]
pub struct Args {
    /// File to publish; `-` for stdin
    file: PathBuf,
    /// Wait for every outcome and count them
    #[arg(long)]
    wait: bool,
    /// At most this many commands a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// At most this many commands unconfirmed (with --wait: unanswered) at a time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=65535)
    )]
    window: u32,
    /// With --wait: seconds to wait for each outcome
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait")]
    timeout: u64,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Checks the file, then publishes it.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let lines = Lines::read(&args.file)?;
    let wrong = lines.check();
    if !wrong.is_empty() {
        return Err(wrong.into_failure());
    }
    let mut signals = Signals::listen()?;
    let url = context.queue_url().await?;
    let entry =
        Entry::begin_where_configured(context, &args.actor, intention(&args, &lines)).await?;
    let mut summary = Summary::default();
    let started = Instant::now();
    let sent = tokio::select! {
        sent = send(context, &url, &args, &lines, &mut summary) => sent,
        signal = signals.next() => Err(stopped(signal)),
    };
    summary.took = started.elapsed();
    let recorded = entry
        .end(
            &sent,
            Ending {
                completed: true,
                detail: json!(summary),
            },
        )
        .await;
    // Commands published before an error stay published, so they are reported, too.
    if sent.is_ok() || summary.published > 0 {
        if context.json {
            print::json(&summary)?;
        } else {
            summary.print()?;
        }
    }
    sent?;
    recorded?;
    Ok(ExitCode::SUCCESS)
}

fn stopped(signal: &str) -> Failure {
    Failure::new(format!("stopped by {signal} before the end of the file")).with_advice(
        "published commands may still be applied; it is safe to replay the whole file again, \
         because each reference is applied once",
    )
}

/// The entry of the audit log for a file: its name, its commands by type, and its hash.
fn intention(args: &Args, lines: &Lines) -> Intention {
    let mut detail = Map::new();
    detail.insert("commands".to_owned(), json!(lines.commands()));
    detail.insert("types".to_owned(), json!(lines.types()));
    detail.insert("sha256".to_owned(), json!(lines.sha256()));
    Intention {
        action: OperatorAction::Replay,
        subject: Some(args.file.to_string_lossy().into_owned()),
        user_id: None,
        detail,
    }
}

/// Connects and publishes the file. `summary` is valid also after an error.
async fn send(
    context: &Context,
    url: &SecretUrl,
    args: &Args,
    lines: &Lines,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let options = Options {
        // Larger than the number of open commands: sends that wait for the window have no order.
        window: 2 * args.window as usize,
        ..context.settings.client_options(CONNECTION)
    };
    let replay = Replay {
        bar: progress::bar(lines.commands() as u64, "commands"),
        started: Instant::now(),
        args,
        lines,
    };
    let sent = if args.wait {
        let client = Client::connect(url.expose(), options)
            .await
            .map_err(|error| publish::unconnected(url, error))?;
        let sent = replay.send(&client, summary).await;
        publish::warn_if_unclosed(client.close().await);
        sent
    } else {
        let producer = Producer::connect(url.expose(), options)
            .await
            .map_err(|error| publish::unconnected(url, error))?;
        let sent = replay.publish(&producer, summary).await;
        publish::warn_if_unclosed(producer.close().await);
        sent
    };
    replay.bar.finish_and_clear();
    sent
}

struct Replay<'a> {
    args: &'a Args,
    lines: &'a Lines,
    bar: ProgressBar,
    started: Instant,
}

impl Replay<'_> {
    /// Publishes the commands in order and waits for their confirms. `--window` limits the
    /// unconfirmed ones.
    async fn publish(&self, producer: &Producer, summary: &mut Summary) -> Result<(), Failure> {
        let mut unconfirmed = VecDeque::new();
        for (index, (number, command)) in self.lines.each().enumerate() {
            self.rate_limit(index).await;
            let handle = producer.enqueue(&command?).await;
            let handle = handle.doing(format!("publish line {number}"))?;
            unconfirmed.push_back((number, handle));
            while unconfirmed.len() > self.args.window as usize {
                self.confirm(&mut unconfirmed, summary).await?;
            }
        }
        while !unconfirmed.is_empty() {
            self.confirm(&mut unconfirmed, summary).await?;
        }
        Ok(())
    }

    async fn confirm(
        &self,
        unconfirmed: &mut VecDeque<(usize, producer_sdk::PublishHandle)>,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        if let Some((number, handle)) = unconfirmed.pop_front() {
            handle.await.doing(format!("publish line {number}"))?;
            summary.published += 1;
            self.bar.inc(1);
        }
        Ok(())
    }

    /// Sends the commands in order and waits for their outcomes. `--window` limits the unanswered
    /// ones.
    async fn send(&self, client: &Client, summary: &mut Summary) -> Result<(), Failure> {
        let deadline = Duration::from_secs(self.args.timeout);
        let limited =
            stream::iter(self.lines.each().enumerate()).then(|(index, line)| async move {
                self.rate_limit(index).await;
                line
            });
        let sending = limited.map(
            |(number, command): (usize, Result<Command, Failure>)| async move {
                // Unconstrained, because a send that the scheduler pauses before it has published
                // could be overtaken by later ones.
                let outcome = unconstrained(client.send_within(&command?, deadline)).await;
                outcome.doing(format!("get the outcome of line {number}"))
            },
        );
        let mut outcomes = std::pin::pin!(sending.buffered(self.args.window as usize));
        while let Some(outcome) = outcomes.next().await {
            summary.count(&outcome?);
            self.bar.inc(1);
        }
        Ok(())
    }

    /// Waits until `--rate` allows the command with this index.
    async fn rate_limit(&self, index: usize) {
        rate_limit(self.started, index as u64, self.args.rate).await;
    }
}
