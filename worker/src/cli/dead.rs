//! `scrip dead`: what was set aside, and what is to become of it.

mod filters;
mod letter;
mod settle;

use std::process::ExitCode;

use chrono::Utc;
use clap::ValueEnum;
use producer_sdk::contract::Door;

use super::{
    audit::ActorArgs,
    context::Context,
    failure::{Doing, Failure},
    print::{self, Rows, escape},
    progress, show,
};
use crate::{
    amqp::DeadLetters,
    config::Backend,
    dead::{Counts, Fate, Filter, Letter, Summary},
    embedded,
    store::Store,
};
use filters::Filters;
use settle::{How, settle};

/// Look at dead letters, replay them, throw them away.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  scrip dead list
  scrip dead summary
  scrip dead list --sender team-a --reason invalid_field
  scrip dead show pi_1
  scrip dead replay --reason unapplied --dry-run
  scrip dead replay --reason unapplied:unknown_package
  scrip dead replay --reference req-7f3a --door usage
  scrip dead drop --reason not_json --older-than 30d --yes")]
pub enum Command {
    /// What was set aside, oldest first
    List(ListArgs),
    /// How many letters there are of each sender and reason, and since when
    Summary(SummaryArgs),
    /// One letter with everything that is known of it, its body untouched
    Show(ShowArgs),
    /// Send letters back to where they came from, as they were, in the order in which they first arrived
    ///
    /// One of which that is not known goes behind those that stand before it in the queue. A letter keeps its reference, so what was applied meanwhile is not applied again. One of unknown origin (the
    /// broker set it aside itself, or it was put into a queue past the exchanges) stays unless --door says where it
    /// goes.
    Replay(ReplayArgs),
    /// Throw letters away
    Drop(DropArgs),
}

/// Shows letters.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    /// How many are shown; all are looked at, so that none changes its place
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

/// Counts letters.
#[derive(Debug, clap::Args)]
pub struct SummaryArgs {
    #[command(flatten)]
    filters: Filters,
}

/// Shows one.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Its reference
    #[arg(allow_hyphen_values = true)]
    reference: String,
}

/// Which are replayed, and how fast.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    filters: Filters,
    /// All of them, where nothing else says which
    #[arg(long)]
    all: bool,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
    /// At most so many a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// By which door letters of unknown origin go
    ///
    /// The others go by their own. What goes by funding may add credits, and a letter of unknown origin may be an
    /// app's: look at each first (scrip dead show), and say which are meant (--reference, --type).
    #[arg(long, value_enum, value_name = "DOOR")]
    door: Option<Entrance>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// A door that senders use.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Entrance {
    /// That of apps: consume
    Usage,
    /// That of payment bridges and back offices: everything else
    Funding,
}

impl From<Entrance> for Door {
    fn from(entrance: Entrance) -> Self {
        match entrance {
            Entrance::Usage => Self::Usage,
            Entrance::Funding => Self::Funding,
        }
    }
}

/// Which are thrown away.
#[derive(Debug, clap::Args)]
pub struct DropArgs {
    #[command(flatten)]
    filters: Filters,
    /// All of them, where nothing else says which
    #[arg(long)]
    all: bool,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
    /// Really
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    actor: ActorArgs,
}

/// Does it.
pub async fn run(context: &Context, command: Command) -> Result<ExitCode, Failure> {
    let letters = Letters::open(context).await?;
    let done = match command {
        Command::List(args) => list(context, &letters, args).await,
        Command::Summary(args) => summarize(context, &letters, args).await,
        Command::Show(args) => show_one(context, &letters, &args.reference).await,
        Command::Replay(args) => {
            let wanted = args.filters.wanted(args.all)?;
            let how = How {
                fate: Fate::Replay,
                dry_run: args.dry_run,
                rate: args.rate,
                door: args.door.map(Door::from),
                actor: args.actor,
            };
            settle(context, &letters, &wanted, &how).await
        }
        Command::Drop(args) => {
            let wanted = args.filters.wanted(args.all)?;
            if !args.yes && !args.dry_run {
                return Err(Failure::new(
                    "what is thrown away is gone: add --yes, or --dry-run to count first",
                ));
            }
            let how = How {
                fate: Fate::Drop,
                dry_run: args.dry_run,
                rate: None,
                door: None,
                actor: args.actor,
            };
            settle(context, &letters, &wanted, &how).await
        }
    };
    letters.close().await;
    done
}

async fn list(context: &Context, letters: &Letters, args: ListArgs) -> Result<ExitCode, Failure> {
    let (filter, now) = (Filter::from(args.filters), Utc::now());
    let mut rows = Rows::new(&[
        "reference",
        "type",
        "user",
        "sender",
        "reason",
        ">attempts",
        "set aside",
        "error",
    ]);
    let bar = progress::bar(letters.count().await?, "letters");
    let moved = bar.clone();
    let mut shown = 0;
    let mut written = Ok(());
    // To the end, for a letter changes its place where others stay behind it that were looked at before.
    let looked = letters
        .each(None, None, |letter| {
            moved.inc(1);
            if shown < args.limit && filter.takes(letter, now) {
                shown += 1;
                written = moved.suspend(|| {
                    if context.json {
                        return print::json(letter);
                    }
                    rows.push(letter::row(letter));
                    rows.print_page()
                });
            }
            written.is_ok().then_some(Fate::Keep)
        })
        .await;
    bar.finish_and_clear();
    let counts = looked?;
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

async fn summarize(context: &Context, letters: &Letters, args: SummaryArgs) -> Result<ExitCode, Failure> {
    let (filter, now) = (Filter::from(args.filters), Utc::now());
    let bar = progress::bar(letters.count().await?, "letters");
    let moved = bar.clone();
    let mut summary = Summary::default();
    let looked = letters
        .each(None, None, |letter| {
            moved.inc(1);
            if filter.takes(letter, now) {
                summary.add(letter);
            }
            Some(Fate::Keep)
        })
        .await;
    bar.finish_and_clear();
    looked?;
    if context.json {
        for row in summary.rows() {
            print::json(&row)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Rows::new(&["sender", "reason", ">letters", "oldest", "newest"]);
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

async fn show_one(context: &Context, letters: &Letters, reference: &str) -> Result<ExitCode, Failure> {
    let mut found = 0;
    let mut written = Ok(());
    letters
        .each(None, None, |letter| {
            if letter.reference_id.as_deref() == Some(reference) {
                found += 1;
                written = if context.json {
                    print::json(letter)
                } else {
                    letter::describe(letter)
                };
            }
            written.is_ok().then_some(Fate::Keep)
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

/// Where the letters are.
enum Letters {
    Broker(Box<DeadLetters>),
    File(Store),
}

impl Letters {
    async fn open(context: &Context) -> Result<Self, Failure> {
        if let Ok(Backend::Embedded { .. }) = context.settings.backend() {
            return Ok(Self::File(context.ledger().await?));
        }
        let url = context.settings.queue_url()?;
        let letters = DeadLetters::open(url.expose(), context.topology()?)
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

    async fn each(
        &self,
        rate: Option<u32>,
        door: Option<Door>,
        fate: impl FnMut(&Letter) -> Option<Fate> + Send,
    ) -> Result<Counts, Failure> {
        let mut counts = Counts::default();
        self.each_counted(rate, door, &mut counts, fate).await?;
        Ok(counts)
    }

    /// The same; `counts` holds what was done also after an error.
    async fn each_counted(
        &self,
        rate: Option<u32>,
        door: Option<Door>,
        counts: &mut Counts,
        fate: impl FnMut(&Letter) -> Option<Fate> + Send,
    ) -> Result<(), Failure> {
        match self {
            Self::Broker(letters) => letters.each(rate, door, counts, fate).await?,
            // In the file every letter has a door.
            Self::File(store) => embedded::dead::each(store.connection(), rate, counts, fate).await?,
        }
        Ok(())
    }

    async fn close(self) {
        if let Self::Broker(letters) = self {
            letters.close().await;
        }
    }
}
