//! `scrip replay`: a file of commands into the queue.

mod lines;
mod summary;

use std::{collections::VecDeque, path::PathBuf, process::ExitCode, time::Duration};

use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use producer_sdk::{Client, Command, Error, Options, Producer};
use serde_json::{Map, json};
use tokio::{task::unconstrained, time::Instant};

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    print, progress, publish,
};
use crate::{config::SecretUrl, pace::pace, store::OperatorAction};
use lines::Lines;
use summary::Summary;

const CONNECTION: &str = "scrip replay";

/// Publish a file of commands (JSON Lines: one body a line), in its order.
///
/// Every line is checked before the first one is published: if one is wrong, nothing is published. Publishing a
/// file again is safe: what was decided before is answered again and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip replay commands.jsonl
  scrip replay commands.jsonl --wait --rate 500
  zcat commands.jsonl.gz | scrip replay -")]
pub struct Args {
    /// The file; `-` for stdin
    file: PathBuf,
    /// Wait for every outcome and count them
    #[arg(long)]
    wait: bool,
    /// At most this many commands a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// At most this many commands unconfirmed (with --wait: unanswered) at once
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=65535))]
    window: u32,
    /// With --wait: how many seconds to wait for each outcome
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
    let url = context.queue_url().await?;
    let entry = Entry::begin_where_configured(context, &args.actor, intention(&args, &lines)).await?;
    let mut summary = Summary::default();
    let sent = send(context, &url, &args, &lines, &mut summary).await;
    let recorded = entry
        .end(
            &sent,
            Ending {
                completed: true,
                detail: json!(summary),
            },
        )
        .await;
    // What was published before an error stays published, so it is reported, too.
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

/// What the audit log keeps of a file: its name, its commands by type, and a hash by which a copy can be recognised.
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

/// `summary` holds what was done also after an error.
async fn send(
    context: &Context,
    url: &SecretUrl,
    args: &Args,
    lines: &Lines,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let options = Options {
        // With room to spare: where sends have to wait for a place their order would be the scheduler's.
        window: 2 * args.window as usize,
        ..publish::options(context, CONNECTION)
    };
    let replay = Replay {
        bar: progress::bar(lines.commands() as u64, "commands"),
        started: Instant::now(),
        args,
        lines,
    };
    let connecting = format!("connect to {url}");
    let sent = if args.wait {
        let client = Client::connect(url.expose(), options).await.doing(connecting)?;
        let sent = replay.send(&client, summary).await;
        publish::warn_if_unclosed(client.close().await);
        sent
    } else {
        let producer = Producer::connect(url.expose(), options).await.doing(connecting)?;
        let sent = replay.publish(&producer, summary).await;
        publish::warn_if_unclosed(producer.close().await);
        sent
    };
    summary.took = replay.started.elapsed();
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
    /// Publishes in order; the producer's window bounds what is unconfirmed.
    async fn publish(&self, producer: &Producer, summary: &mut Summary) -> Result<(), Failure> {
        let mut unconfirmed = VecDeque::new();
        for (place, (number, command)) in self.lines.each().enumerate() {
            self.pace(place).await;
            let failed = |error: Error| Err::<(), _>(error).doing(format!("publish line {number}"));
            match producer.enqueue(&command?).await {
                Ok(handle) => unconfirmed.push_back((number, handle)),
                Err(error) => failed(error)?,
            }
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

    /// Sends in order, each waiting for its outcome, as many at once as the window allows.
    async fn send(&self, client: &Client, summary: &mut Summary) -> Result<(), Failure> {
        let deadline = Duration::from_secs(self.args.timeout);
        let paced = stream::iter(self.lines.each().enumerate()).then(|(place, line)| async move {
            self.pace(place).await;
            line
        });
        let sending = paced.map(
            |(number, command): (usize, Result<Command, Failure>)| async move {
                // Not constrained: a send that the scheduler makes pause before it has published lets later ones
                // overtake it.
                let outcome = unconstrained(client.send_within(&command?, deadline)).await;
                outcome.doing(format!("learn what became of line {number}"))
            },
        );
        let mut outcomes = std::pin::pin!(sending.buffered(self.args.window as usize));
        while let Some(outcome) = outcomes.next().await {
            summary.count(&outcome?);
            self.bar.inc(1);
        }
        Ok(())
    }

    /// Waits until it is a command's turn.
    async fn pace(&self, place: usize) {
        pace(self.started, place as u64, self.args.rate).await;
    }
}
