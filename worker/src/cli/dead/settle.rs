//! Replays and drops dead letters, and records it in the audit log.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::{MAX_BODY_BYTES, Origin};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::DeadLetterQueue;
use crate::{
    audit_log::OperatorAction,
    cli::{
        audit::{ActorArgs, Ending, Entry, Intention, cut},
        context::Context,
        failure::Failure,
        print, progress,
    },
    dead_letters::{Counts, DeadLetter, Disposition, Filter, KEPT_BYTES},
};

/// The number of dead letters that the audit log names for one command.
const MAX_NAMED: usize = 100;
/// Longest text of a dead letter in the audit log, in bytes. An id has at most 200 bytes, but a
/// message that is no command may have texts of any length.
const MAX_TEXT_BYTES: usize = 200;

/// The fields of a dead letter that the audit log keeps.
const NAMED_BY: [&str; 5] = ["referenceId", "type", "userId", "sender", "reason"];

/// A request to replay or drop dead letters.
pub(super) struct SettleRequest {
    pub disposition: Disposition,
    pub dry_run: bool,
    /// Replays per second; `None` means no limit.
    pub rate: Option<u32>,
    /// The origin for dead letters of unknown origin.
    pub origin: Option<Origin>,
    pub actor: ActorArgs,
}

/// The result for the dead letters that match the filter.
#[derive(Default)]
struct Settled {
    /// Dead letters that match the filter.
    fit: u64,
    /// Of these, the ones that stay because their origin is unknown.
    unknown: u64,
    /// Of these, the ones that stay because only the beginning of their body is kept.
    cut: u64,
    /// The first [`MAX_NAMED`] dead letters that were chosen, for the audit log.
    named: Vec<Value>,
    counts: Counts,
}

/// Replays or drops the dead letters that match the filter. The audit log records the request
/// before and the result after, except for a dry run.
pub(super) async fn settle(
    context: &Context,
    queue: &DeadLetterQueue,
    filter: &Filter,
    request: &SettleRequest,
) -> Result<ExitCode, Failure> {
    let mut settled = Settled::default();
    if request.dry_run {
        each(queue, filter, request, &mut settled).await?;
        settled.report(context, request)?;
        return Ok(settled.code(request));
    }
    let entry = Entry::begin(context, &request.actor, intention(filter, request)).await?;
    let done = each(queue, filter, request, &mut settled).await;
    let recorded = entry.end(&done, settled.ending(request)).await;
    // The work done before an error stays done, so it is reported, too.
    if done.is_ok() || settled.counts.seen > 0 {
        settled.report(context, request)?;
    }
    done?;
    recorded?;
    Ok(settled.code(request))
}

/// Reads every dead letter and replays or drops the chosen ones. `settled` is valid also after an
/// error.
async fn each(
    queue: &DeadLetterQueue,
    filter: &Filter,
    request: &SettleRequest,
    settled: &mut Settled,
) -> Result<(), Failure> {
    let now = Utc::now();
    let bar = progress::bar(queue.count().await?, "dead letters");
    let progress = bar.clone();
    let mut counts = Counts::default();
    let done = queue
        .each_counted(request.rate, request.origin, &mut counts, |letter| {
            progress.inc(1);
            if !filter.takes(letter, now) {
                return Some(Disposition::Keep);
            }
            settled.fit += 1;
            if request.disposition == Disposition::Replay && letter.cut.is_some() {
                settled.cut += 1;
                return Some(Disposition::Keep);
            }
            if request.disposition == Disposition::Replay
                && letter.origin.or(request.origin).is_none()
            {
                settled.unknown += 1;
                return Some(Disposition::Keep);
            }
            if settled.named.len() < MAX_NAMED {
                settled.named.push(named(letter));
            }
            Some(if request.dry_run {
                Disposition::Keep
            } else {
                request.disposition
            })
        })
        .await;
    bar.finish_and_clear();
    settled.counts = counts;
    done
}

/// The entry of the audit log for a request: the whole filter, rate and origin.
fn intention(filter: &Filter, request: &SettleRequest) -> Intention {
    let mut detail = facts(filter, |_| true);
    if let Some(rate) = request.rate {
        detail.insert("rate".to_owned(), rate.into());
    }
    if let Some(origin) = request.origin {
        detail.insert("origin".to_owned(), origin.as_str().into());
    }
    if filter.is_empty() {
        detail.insert("all".to_owned(), true.into());
    }
    Intention {
        action: if request.disposition == Disposition::Drop {
            OperatorAction::DeadDrop
        } else {
            OperatorAction::DeadReplay
        },
        subject: filter.reference_id.clone(),
        user_id: filter.user_id.clone(),
        detail,
    }
}

/// A dead letter as the audit log names it, without its body.
fn named(letter: &DeadLetter) -> Value {
    Value::Object(facts(letter, |name| NAMED_BY.contains(&name)))
}

/// The fields of a value that are selected and not null, with each text cut to [`MAX_TEXT_BYTES`].
fn facts(value: &impl Serialize, is_selected: impl Fn(&str) -> bool) -> Map<String, Value> {
    let value = serde_json::to_value(value).unwrap_or_default();
    let mut facts = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => cut(text, MAX_TEXT_BYTES).into(),
            other => other.clone(),
        };
        if !value.is_null() && is_selected(name) {
            facts.insert(name.clone(), value);
        }
    }
    facts
}

impl Settled {
    /// The number of dead letters that were to be replayed or dropped.
    const fn chosen(&self) -> u64 {
        self.fit - self.unknown - self.cut
    }

    fn ending(&self, request: &SettleRequest) -> Ending {
        Ending {
            completed: self.all_went(request),
            detail: json!({
                "counts": self.counts,
                "unknownOrigin": self.unknown,
                "tooLarge": self.cut,
                "chosen": self.chosen(),
                "letters": self.named,
            }),
        }
    }

    fn report(&self, context: &Context, request: &SettleRequest) -> Result<(), Failure> {
        if context.json {
            print::json(&json!({
                "fit": self.fit,
                "unknownOrigin": self.unknown,
                "tooLarge": self.cut,
                "counts": self.counts,
            }))?;
            return Ok(());
        }
        let text = if self.fit == 0 {
            format!(
                "none of {} dead letters matches the filter",
                self.counts.seen
            )
        } else if request.dry_run {
            dry_run_summary(request.disposition, self.chosen(), &self.counts)
        } else {
            summary(&self.counts)
        };
        print::line(&text)?;
        if self.unknown > 0 {
            print::line(&format!(
                "{} of unknown origin stay; give --origin usage or --origin funding to replay them",
                self.unknown
            ))?;
        }
        if self.cut > 0 {
            print::line(&format!(
                "{} too large to be replayed stay: only the first {KEPT_BYTES} bytes of each are \
                 kept; the sender must send it again in a message of at most {MAX_BODY_BYTES} \
                 bytes",
                self.cut
            ))?;
        }
        Ok(())
    }

    const fn all_went(&self, request: &SettleRequest) -> bool {
        self.counts.failed == 0 && (request.dry_run || self.unknown + self.cut == 0)
    }

    fn code(&self, request: &SettleRequest) -> ExitCode {
        ExitCode::from(u8::from(!self.all_went(request)))
    }
}

fn dry_run_summary(disposition: Disposition, number: u64, counts: &Counts) -> String {
    let result = if disposition == Disposition::Drop {
        "dropped"
    } else {
        "replayed"
    };
    format!("{number} of {} dead letters would be {result}", counts.seen)
}

fn summary(counts: &Counts) -> String {
    let mut parts = vec![format!("{} dead letters read", counts.seen)];
    for (number, result) in [
        (counts.replayed, "replayed"),
        (counts.dropped, "dropped"),
        (
            counts.failed,
            "could not be replayed and stay (scrip dead list)",
        ),
    ] {
        if number > 0 {
            parts.push(format!("{number} {result}"));
        }
    }
    parts.join(", ")
}
