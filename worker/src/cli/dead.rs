//! `scrip dead`: lists, shows, replays and drops dead letters.

mod filters;
mod letter;
mod settle;

use std::process::ExitCode;

use chrono::Utc;
use clap::ValueEnum;
use producer_sdk::contract::Origin;

use super::{
    audit::ActorArgs,
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
    progress, show,
};
use crate::{
    config::Backend,
    dead_letters::{Counts, DeadLetter, Disposition, Filter, Summary},
    store::Store,
    transport::amqp::DeadLetters,
    transport::embedded,
};
use filters::Filters;
use settle::{SettleRequest, settle};

/// List, show, replay or drop dead letters
///
/// A dead letter is a message that could not be applied. It waits in the dead-letter queue, with
/// the reason, until an operator replays or drops it.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  scrip dead list
  scrip dead summary
  scrip dead list --sender team-a --reason invalid_field
  scrip dead show pi_1
  scrip dead replay --reason unapplied --dry-run
  scrip dead replay --reason unapplied:unknown_package
  scrip dead replay --reference req-7f3a --origin usage
  scrip dead drop --reason not_json --older-than 30d --yes")]
pub enum Command {
    List(ListArgs),
    Summary(SummaryArgs),
    Show(ShowArgs),
    Replay(ReplayArgs),
    Drop(DropArgs),
}

/// List dead letters, oldest first
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    /// Number of dead letters to show; all are read, so that they keep their order in the queue
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

/// Count dead letters by sender and reason, with the time of the oldest and the newest
#[derive(Debug, clap::Args)]
pub struct SummaryArgs {
    #[command(flatten)]
    filters: Filters,
}

/// Show the dead letters with a reference in full, with the body unchanged
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Reference of the command
    #[arg(allow_hyphen_values = true)]
    reference: String,
}

/// Send dead letters back to their queue, unchanged, after their cause is fixed
///
/// Dead letters are replayed in the order in which a worker first received them. A dead letter
/// without that time goes behind those before it in the queue. A dead letter keeps its reference,
/// so it is applied at most once, however often it is replayed.
///
/// The origin of a dead letter is unknown if the broker dead-lettered the message itself, or if the
/// message was published directly to a queue. Such a dead letter stays unless --origin is
/// given. Exit code 1 if a selected dead letter stays.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    filters: Filters,
    /// Select all dead letters; required if no filter is given
    #[arg(long)]
    all: bool,
    /// Only count the selected dead letters
    #[arg(long)]
    dry_run: bool,
    /// At most this many dead letters a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Origin for dead letters of unknown origin; the others keep their own
    ///
    /// A command with the origin `funding` may add credits, and a dead letter of unknown origin may
    /// come from an app. Read each one first (scrip dead show), and select it with --reference or
    /// --type.
    #[arg(long, value_enum, value_name = "ORIGIN")]
    origin: Option<OriginArg>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// An origin that senders can use.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OriginArg {
    /// The exchange of apps: consume
    Usage,
    /// The exchange of payment bridges and back offices: all other commands
    Funding,
}

impl From<OriginArg> for Origin {
    fn from(argument: OriginArg) -> Self {
        match argument {
            OriginArg::Usage => Self::Usage,
            OriginArg::Funding => Self::Funding,
        }
    }
}

/// Delete dead letters for good
///
/// Needs --yes or --dry-run. The audit log keeps the references of the first 100, not the bodies.
#[derive(Debug, clap::Args)]
pub struct DropArgs {
    #[command(flatten)]
    filters: Filters,
    /// Select all dead letters; required if no filter is given
    #[arg(long)]
    all: bool,
    /// Only count the selected dead letters
    #[arg(long)]
    dry_run: bool,
    /// Confirm that the dead letters are deleted
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Runs a subcommand.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let queue = DeadLetterQueue::open(context).await?;
    let done = match command {
        Command::List(args) => list(context, &queue, args).await,
        Command::Summary(args) => summarize(context, &queue, args).await,
        Command::Show(args) => show_one(context, &queue, &args.reference).await,
        Command::Replay(args) => {
            let filter = args.filters.selection(args.all)?;
            let request = SettleRequest {
                disposition: Disposition::Replay,
                dry_run: args.dry_run,
                rate: args.rate,
                origin: args.origin.map(Origin::from),
                actor: args.actor,
            };
            settle(context, &queue, &filter, &request).await
        }
        Command::Drop(args) => {
            let filter = args.filters.selection(args.all)?;
            if !args.yes && !args.dry_run {
                return Err(Failure::new(
                    "dropped dead letters cannot be restored: add --yes to drop them, or --dry-run \
                     to count them",
                ));
            }
            let request = SettleRequest {
                disposition: Disposition::Drop,
                dry_run: args.dry_run,
                rate: None,
                origin: None,
                actor: args.actor,
            };
            settle(context, &queue, &filter, &request).await
        }
    };
    queue.close().await;
    done
}

async fn list(
    context: &Context,
    queue: &DeadLetterQueue,
    args: ListArgs,
) -> Result<ExitCode, Failure> {
    let (filter, now) = (Filter::from(args.filters), Utc::now());
    let mut rows = Rows::new(&[
        "reference",
        "type",
        "user",
        "sender",
        "reason",
        ">attempts",
        "dead since",
        "error",
    ]);
    let bar = progress::bar(queue.count().await?, "dead letters");
    let progress = bar.clone();
    let mut shown = 0;
    let mut written = Ok(());
    // Reads to the end of the queue: if it stopped earlier, the dead letters it has read would
    // return to the queue in another order.
    let read = queue
        .each(None, None, |letter| {
            progress.inc(1);
            if shown < args.limit && filter.takes(letter, now) {
                shown += 1;
                written = progress.suspend(|| {
                    if context.json {
                        return print::json(letter);
                    }
                    rows.push(letter::row(letter));
                    rows.print_page()
                });
            }
            written.is_ok().then_some(Disposition::Keep)
        })
        .await;
    bar.finish_and_clear();
    let counts = read?;
    written?;
    if context.json {
        return Ok(ExitCode::SUCCESS);
    }
    if counts.seen == 0 {
        print::line("no dead letters")?;
        return Ok(ExitCode::SUCCESS);
    }
    rows.print()?;
    if counts.seen > shown {
        print::line(&format!("{shown} of {}", counts.seen))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn summarize(
    context: &Context,
    queue: &DeadLetterQueue,
    args: SummaryArgs,
) -> Result<ExitCode, Failure> {
    let (filter, now) = (Filter::from(args.filters), Utc::now());
    let bar = progress::bar(queue.count().await?, "dead letters");
    let progress = bar.clone();
    let mut summary = Summary::default();
    let read = queue
        .each(None, None, |letter| {
            progress.inc(1);
            if filter.takes(letter, now) {
                summary.add(letter);
            }
            Some(Disposition::Keep)
        })
        .await;
    bar.finish_and_clear();
    read?;
    if context.json {
        for row in summary.rows() {
            print::json(&row)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["sender", "reason", ">dead letters", "oldest", "newest"]);
    let mut total = 0;
    for row in summary.rows() {
        total += row.letters;
        rows.push([
            row.sender.unwrap_or_else(|| "(not named)".to_owned()),
            row.reason,
            row.letters.to_string(),
            row.oldest.map(show::instant).unwrap_or_default(),
            row.newest.map(show::instant).unwrap_or_default(),
        ]);
    }
    if total == 0 {
        print::line("no dead letters")?;
    } else {
        rows.print()?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show_one(
    context: &Context,
    queue: &DeadLetterQueue,
    reference: &str,
) -> Result<ExitCode, Failure> {
    let mut found = 0;
    let mut written = Ok(());
    queue
        .each(None, None, |letter| {
            if letter.reference_id.as_deref() == Some(reference) {
                found += 1;
                written = if context.json {
                    print::json(letter)
                } else {
                    letter::describe(letter)
                };
            }
            written.is_ok().then_some(Disposition::Keep)
        })
        .await?;
    written?;
    if found == 0 {
        return Err(Failure::new(format!(
            "no dead letter has the reference {}",
            escape(reference)
        )));
    }
    Ok(ExitCode::SUCCESS)
}

/// The dead-letter queue: on the broker, or in an embedded file.
enum DeadLetterQueue {
    Broker(Box<DeadLetters>),
    File(Store),
}

impl DeadLetterQueue {
    async fn open(context: &Context) -> Result<Self, Failure> {
        if let Ok(Backend::Embedded { .. }) = context.settings.backend() {
            return Ok(Self::File(context.ledger().await?));
        }
        let url = context.settings.queue_url()?;
        let letters = DeadLetters::open(url.expose(), context.settings.topology()?)
            .await
            .doing(format!("connect to {url}"))?;
        Ok(Self::Broker(Box::new(letters)))
    }

    async fn count(&self) -> Result<u64, Failure> {
        Ok(match self {
            Self::Broker(letters) => letters.count().await?,
            Self::File(store) => embedded::dead::count(store.connection()).await?,
        })
    }

    /// Reads every dead letter and disposes of each as `disposition` returns; `None` stops the
    /// reading. `rate` limits the replays per second, and `origin` is used for dead letters of
    /// unknown origin.
    async fn each(
        &self,
        rate: Option<u32>,
        origin: Option<Origin>,
        disposition: impl FnMut(&DeadLetter) -> Option<Disposition> + Send,
    ) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
        self.each_counted(rate, origin, &mut counts, disposition)
            .await?;
        Ok(counts)
    }

    /// Works as [`Self::each`]. `counts` is valid also after an error.
    async fn each_counted(
        &self,
        rate: Option<u32>,
        origin: Option<Origin>,
        counts: &mut Counts,
        disposition: impl FnMut(&DeadLetter) -> Option<Disposition> + Send,
    ) -> Result<(), Failure> {
        match self {
            Self::Broker(letters) => letters.each(rate, origin, counts, disposition).await?,
            // In the file every dead letter has an origin.
            Self::File(store) => {
                embedded::dead::each(store.connection(), rate, counts, disposition).await?;
            }
        }
        Ok(())
    }

    async fn close(self) {
        if let Self::Broker(letters) = self {
            letters.close().await;
        }
    }
}
