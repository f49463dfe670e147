//! `scrip recover`: finds commits that the database has lost, and applies their commands again.

mod again;
mod range;
mod report;

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{
    audit::{ActorArgs, Ending, Entry, Intention},
    context::Context,
    failure::{Doing, Failure},
    signals::Signals,
    values,
};
use crate::{
    audit_log::OperatorAction,
    config::{Backend, SecretUrl},
    position::{Behind, Finding, check},
    read,
    store::Store,
    transport::amqp::{self, Retained},
};
use again::Again;
use range::{Found, Range, unsettled};

/// Apply again what a failover of the database has lost
///
/// A PostgreSQL standby that was replicated asynchronously lacks the last commits when it is
/// promoted, and so does a restored backup. This command compares the database with the positions
/// that workers have kept on the broker. If the broker retains commands (recovery.retain), it
/// publishes those again that the database lacks, in their order. A command that the database has
/// is not applied twice.
///
/// The range is settled if the retained commands reach back to its begin, some of them were
/// missing, and each of these is decided. Else workers continue to report it.
///
/// Without retained commands it prints the range of time whose commands the apps must send again,
/// under the same references. Exit code 1 if a range is not recovered.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip recover --dry-run
  scrip recover --actor ops:maria
  scrip recover --from 2026-11-30T09:00:00Z --to 2026-11-30T09:05:00Z
  scrip recover --accept           after the apps have sent the commands again")]
pub struct Args {
    /// Begin of the range. Default: the last position that the database has
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    from: Option<DateTime<Utc>>,
    /// End of the range. Default: the first position after the lost ones, or now if there is none
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    to: Option<DateTime<Utc>>,
    /// Only report the range and the commands that the database lacks
    #[arg(long)]
    dry_run: bool,
    /// Publish nothing, and record that the range is settled, so that workers stop to report it
    #[arg(long, conflicts_with = "dry_run")]
    accept: bool,
    /// At most this many commands a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// An instant for people and for the audit log.
fn at(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Finds what is lost, and recovers it.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Backend::Servers { amqp: url, .. } = context.settings.backend()? else {
        return Err(Failure::new(
            "the embedded default cannot lose what it acknowledged: its queue and its ledger are \
             one file",
        ));
    };
    let store = context.ledger().await?;
    let behind = find(context, &store, &url).await?;
    let Some(range) = Range::new((args.from, args.to), behind.as_ref())? else {
        report::complete(context)?;
        return Ok(ExitCode::SUCCESS);
    };
    if args.accept {
        return accept(context, &args, range).await;
    }
    let topology = context.settings.topology()?;
    let opened = Retained::open(url.expose(), topology).await;
    let Some(retained) = opened.doing(format!("read retained commands at {url}"))? else {
        report::unretained(context, behind.as_ref(), range)?;
        return Ok(ExitCode::FAILURE);
    };
    let done = recover(context, &args, &store, &retained, (behind.as_ref(), range)).await;
    retained.close().await;
    done
}

/// Compares the database with the positions on the broker.
async fn find(
    context: &Context,
    store: &Store,
    url: &SecretUrl,
) -> Result<Option<Behind>, Failure> {
    let topology = context.settings.topology()?;
    let remembered = amqp::read_positions_at(url.expose(), &topology).await;
    let remembered = remembered.doing(format!("read the positions of workers at {url}"))?;
    let ledger = read::ledger_id(store).await?;
    match check(store.database(), ledger, remembered).await? {
        Finding::Behind(behind) => Ok(Some(behind)),
        Finding::Complete => Ok(None),
        Finding::Unknown => Err(Failure::new(
            "the server of DATABASE_URL is a standby; set DATABASE_URL to the primary",
        )),
    }
}

/// Records that the range is settled, and publishes nothing.
async fn accept(context: &Context, args: &Args, range: Range) -> Result<ExitCode, Failure> {
    let entry = Entry::begin(context, &args.actor, intention(args, range)).await?;
    let ending = Ending {
        completed: true,
        detail: range.settled(Utc::now()),
    };
    entry.end(&Ok::<_, Failure>(()), ending).await?;
    report::accepted(context, range)?;
    Ok(ExitCode::SUCCESS)
}

async fn recover(
    context: &Context,
    args: &Args,
    store: &Store,
    retained: &Retained,
    (behind, range): (Option<&Behind>, Range),
) -> Result<ExitCode, Failure> {
    let mut again = Again::new(context, store, retained, args.rate);
    let reaches_back = retained.reaches_back_to(range.begin).await;
    let reaches_back = reaches_back.doing("look up the first retained command")?;
    let found = |again: &Again<'_>| Found {
        is_lost: behind.is_some(),
        reaches_back,
        missing: again.counts.missing,
        first_arrived: again.first_arrived.filter(|_| args.from.is_none()),
        begins_with_missing: again.begins_with_missing && args.from.is_none(),
    };
    let read = range.widened();
    if args.dry_run {
        again.read(read, false).await?;
        let unsettled = unsettled(range, &found(&again));
        report::dry_run(context, behind, range, (&again, &unsettled))?;
        let is_complete = again.counts.missing == 0 && unsettled.is_empty();
        return Ok(ExitCode::from(u8::from(!is_complete)));
    }
    let mut signals = Signals::listen()?;
    let entry = Entry::begin(context, &args.actor, intention(args, range)).await?;
    let work = async {
        again.read(read, true).await?;
        again.wait().await
    };
    let done = tokio::select! {
        done = work => done,
        signal = signals.next() => Err(stopped(signal)),
    };
    let unsettled = unsettled(range, &found(&again));
    let completed = done.is_ok() && again.undecided.is_empty() && unsettled.is_empty();
    let mut detail = Map::new();
    if completed && let Value::Object(settled) = range.settled(Utc::now()) {
        detail = settled;
    }
    detail.insert("counts".to_owned(), json!(again.counts));
    detail.insert("undecided".to_owned(), json!(again.first_undecided()));
    detail.insert("unsettled".to_owned(), json!(unsettled));
    let detail = detail.into();
    let recorded = entry.end(&done, Ending { completed, detail }).await;
    // Commands published before an error stay published, so they are reported, too.
    if done.is_ok() || again.counts.published > 0 {
        report::done(context, range, (&again, &unsettled))?;
    }
    done?;
    recorded?;
    Ok(ExitCode::from(u8::from(!completed)))
}

fn stopped(signal: &str) -> Failure {
    Failure::new(format!("stopped by {signal} before the end of the range")).with_advice(
        "published commands may still be applied; it is safe to run the command again, because \
         each reference is applied once",
    )
}

/// The entry of the audit log.
fn intention(args: &Args, range: Range) -> Intention {
    let mut detail = Map::new();
    detail.insert("from".to_owned(), at(range.from).into());
    detail.insert("to".to_owned(), at(range.to).into());
    if args.accept {
        detail.insert("accept".to_owned(), Value::Bool(true));
    }
    if let Some(rate) = args.rate {
        detail.insert("rate".to_owned(), rate.into());
    }
    Intention {
        action: OperatorAction::Recover,
        subject: None,
        user_id: None,
        detail,
    }
}
