//! What `scrip recover` prints.

use serde_json::{Value, json};

use super::{Range, again::Again, at};
use crate::{
    cli::{
        context::Context,
        failure::Failure,
        print::{self, escape},
    },
    position::Behind,
};

const UNRETAINED: &str = "the namespace retains no commands (recovery.retain): have the apps send \
                          the commands of this range again, under the same references, then run \
                          `scrip recover --accept`";

/// The ledger has every remembered commit.
pub fn complete(context: &Context) -> Result<(), Failure> {
    if context.json {
        return Ok(print::json(&json!({ "behind": null, "range": null }))?);
    }
    Ok(print::line(
        "the database has every remembered commit: there is nothing to recover",
    )?)
}

/// The range that apps must send again.
pub fn unretained(context: &Context, behind: Option<&Behind>, range: Range) -> Result<(), Failure> {
    if context.json {
        let report = json!({ "behind": behind, "range": range_json(range), "retained": false });
        return Ok(print::json(&report)?);
    }
    describe(behind, range)?;
    Ok(print::line(UNRETAINED)?)
}

/// The range is settled without a publication.
pub fn accepted(context: &Context, range: Range) -> Result<(), Failure> {
    if context.json {
        let report = json!({ "range": range_json(range), "accepted": true });
        return Ok(print::json(&report)?);
    }
    Ok(print::line(&format!(
        "the range from {} to {} is settled; workers stop to report it",
        at(range.from),
        at(range.to)
    ))?)
}

/// The commands that would be published.
pub fn dry_run(
    context: &Context,
    behind: Option<&Behind>,
    range: Range,
    (again, unsettled): (&Again<'_>, &[String]),
) -> Result<(), Failure> {
    if context.json {
        let report = json!({
            "behind": behind,
            "range": range_json(range),
            "retained": true,
            "counts": again.counts,
            "missing": again.first_undecided(),
            "unsettled": unsettled,
        });
        return Ok(print::json(&report)?);
    }
    describe(behind, range)?;
    let counts = &again.counts;
    print::line(&format!(
        "{} retained commands read: {} are in the database, {} would be published again",
        counts.read, counts.known, counts.missing
    ))?;
    list(again)?;
    reasons(unsettled)
}

/// What was done.
pub fn done(
    context: &Context,
    range: Range,
    (again, unsettled): (&Again<'_>, &[String]),
) -> Result<(), Failure> {
    let counts = &again.counts;
    if context.json {
        let report = json!({
            "range": range_json(range),
            "counts": counts,
            "undecided": again.first_undecided(),
            "unsettled": unsettled,
        });
        return Ok(print::json(&report)?);
    }
    print::line(&format!(
        "{} retained commands read: {} were in the database, {} published again: {} applied, {} \
         refused, {} undecided",
        counts.read,
        counts.known,
        counts.published,
        counts.applied,
        counts.refused,
        again.undecided.len()
    ))?;
    reasons(unsettled)?;
    if again.undecided.is_empty() {
        return Ok(());
    }
    list(again)?;
    Ok(print::line(
        "an undecided command waits for a worker, is a dead letter (`scrip dead list`), or was \
         refused by the configuration; run the command again, or with --accept if nothing is left \
         to do",
    )?)
}

/// Why the range is not settled.
fn reasons(unsettled: &[String]) -> Result<(), Failure> {
    for reason in unsettled {
        print::line(&format!("not settled: {reason}"))?;
    }
    if unsettled.is_empty() {
        return Ok(());
    }
    Ok(print::line(
        "run `scrip recover --accept` if nothing is left to do",
    )?)
}

fn range_json(range: Range) -> Value {
    json!({ "from": at(range.from), "to": at(range.to) })
}

fn describe(behind: Option<&Behind>, range: Range) -> Result<(), Failure> {
    let (from, to) = (at(range.from), at(range.to));
    let text = match behind {
        None => format!("the range is from {from} to {to}"),
        Some(behind) => format!(
            "the database lacks acknowledged commits from {from} to {to}, of {} worker(s){}",
            behind.workers.len(),
            if behind.from.is_none() {
                "; it has none of the remembered ones, so the range may begin earlier"
            } else {
                ""
            }
        ),
    };
    Ok(print::line(&text)?)
}

fn list(again: &Again<'_>) -> Result<(), Failure> {
    let named = again.first_undecided();
    for one in &named {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let (origin, reference) = (text("origin"), escape(&text("referenceId")));
        print::line(&format!("  {origin} {reference}"))?;
    }
    if again.undecided.len() > named.len() {
        print::line(&format!(
            "  and {} more",
            again.undecided.len() - named.len()
        ))?;
    }
    Ok(())
}
