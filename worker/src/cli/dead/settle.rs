//! Replaying and dropping, and what the audit log keeps of it.

use std::process::ExitCode;

use chrono::Utc;
use producer_sdk::contract::{Door, MAX_BODY_BYTES};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Letters;
use crate::{
    cli::{
        audit::{ActorArgs, Ending, Entry, Intention, cut},
        context::Context,
        failure::Failure,
        print, progress,
    },
    dead::{Counts, Fate, Filter, KEPT_BYTES, Letter},
    store::OperatorAction,
};

/// So many letters of one command are named in the audit log.
const MAX_NAMED: usize = 100;
/// Longest text of a letter in the audit log, in bytes. An id has at most 200; what is no command may say anything.
const MAX_TEXT_BYTES: usize = 200;

/// The fields of a letter that name it.
const NAMED_BY: [&str; 5] = ["referenceId", "type", "userId", "sender", "reason"];

/// How letters are settled.
pub(super) struct How {
    pub fate: Fate,
    pub dry_run: bool,
    pub rate: Option<u32>,
    pub door: Option<Door>,
    pub actor: ActorArgs,
}

/// What became of the letters that fit.
#[derive(Default)]
struct Settled {
    /// Letters that fit.
    fit: u64,
    /// Of these stay, because their origin is unknown.
    unknown: u64,
    /// Of these stay, because only their beginning is kept.
    cut: u64,
    /// The first of those that were to go.
    named: Vec<Value>,
    counts: Counts,
}

/// Replays or drops what is wanted. The audit log records it before and after, unless it is only counted.
pub(super) async fn settle(
    context: &Context,
    letters: &Letters,
    wanted: &Filter,
    how: &How,
) -> Result<ExitCode, Failure> {
    let mut settled = Settled::default();
    if how.dry_run {
        each(letters, wanted, how, &mut settled).await?;
        settled.report(context, how)?;
        return Ok(settled.code(how));
    }
    let entry = Entry::begin(context, &how.actor, intention(wanted, how)).await?;
    let done = each(letters, wanted, how, &mut settled).await;
    let recorded = entry.end(&done, settled.ending(how)).await;
    // What was done before an error stays done, so it is reported, too.
    if done.is_ok() || settled.counts.seen > 0 {
        settled.report(context, how)?;
    }
    done?;
    recorded?;
    Ok(settled.code(how))
}

/// `settled` holds what was done also after an error.
async fn each(letters: &Letters, wanted: &Filter, how: &How, settled: &mut Settled) -> Result<(), Failure> {
    let now = Utc::now();
    let bar = progress::bar(letters.count().await?, "letters");
    let moved = bar.clone();
    let mut counts = Counts::default();
    let done = letters
        .each_counted(how.rate, how.door, &mut counts, |letter| {
            moved.inc(1);
            if !wanted.takes(letter, now) {
                return Some(Fate::Keep);
            }
            settled.fit += 1;
            if how.fate == Fate::Replay && letter.cut.is_some() {
                settled.cut += 1;
                return Some(Fate::Keep);
            }
            if how.fate == Fate::Replay && letter.door.or(how.door).is_none() {
                settled.unknown += 1;
                return Some(Fate::Keep);
            }
            if settled.named.len() < MAX_NAMED {
                settled.named.push(named(letter));
            }
            Some(if how.dry_run { Fate::Keep } else { how.fate })
        })
        .await;
    bar.finish_and_clear();
    settled.counts = counts;
    done
}

/// What the audit log keeps of what was asked for: everything that the filter says.
fn intention(wanted: &Filter, how: &How) -> Intention {
    let mut detail = facts(wanted, |_| true);
    if let Some(rate) = how.rate {
        detail.insert("rate".to_owned(), rate.into());
    }
    if let Some(door) = how.door {
        detail.insert("origin".to_owned(), door.as_str().into());
    }
    if wanted.is_empty() {
        detail.insert("all".to_owned(), true.into());
    }
    Intention {
        action: if how.fate == Fate::Drop {
            OperatorAction::DeadDrop
        } else {
            OperatorAction::DeadReplay
        },
        subject: wanted.reference_id.clone(),
        user_id: wanted.user_id.clone(),
        detail,
    }
}

/// A letter as the audit log names it. Its body is not kept.
fn named(letter: &Letter) -> Value {
    Value::Object(facts(letter, |name| NAMED_BY.contains(&name)))
}

/// The fields of a value that are wanted and present, each text cut.
fn facts(value: &impl Serialize, is_wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
    let value = serde_json::to_value(value).unwrap_or_default();
    let mut facts = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => cut(text, MAX_TEXT_BYTES).into(),
            other => other.clone(),
        };
        if !value.is_null() && is_wanted(name) {
            facts.insert(name.clone(), value);
        }
    }
    facts
}

impl Settled {
    /// What is to go, or was to.
    const fn chosen(&self) -> u64 {
        self.fit - self.unknown - self.cut
    }

    fn ending(&self, how: &How) -> Ending {
        Ending {
            completed: self.all_went(how),
            detail: json!({
                "counts": self.counts,
                "unknownOrigin": self.unknown,
                "tooLarge": self.cut,
                "chosen": self.chosen(),
                "letters": self.named,
            }),
        }
    }

    fn report(&self, context: &Context, how: &How) -> Result<(), Failure> {
        if context.json {
            print::json(&json!({
                "fit": self.fit,
                "unknownOrigin": self.unknown,
                "tooLarge": self.cut,
                "counts": self.counts,
            }))?;
            return Ok(());
        }
        let said = if self.fit == 0 {
            format!("none of {} letters fits", self.counts.seen)
        } else if how.dry_run {
            intended(how.fate, self.chosen(), &self.counts)
        } else {
            told(&self.counts)
        };
        print::line(&said)?;
        if self.unknown > 0 {
            print::line(&format!(
                "{} of unknown origin stay; --door usage or --door funding says where they go",
                self.unknown
            ))?;
        }
        if self.cut > 0 {
            print::line(&format!(
                "{} too large to be replayed stay: only the first {KEPT_BYTES} bytes of each are kept; what it says \
                 has to be sent again by its sender, in a message of at most {MAX_BODY_BYTES} bytes",
                self.cut
            ))?;
        }
        Ok(())
    }

    const fn all_went(&self, how: &How) -> bool {
        self.counts.failed == 0 && (how.dry_run || self.unknown + self.cut == 0)
    }

    fn code(&self, how: &How) -> ExitCode {
        ExitCode::from(u8::from(!self.all_went(how)))
    }
}

fn intended(fate: Fate, number: u64, counts: &Counts) -> String {
    let what = if fate == Fate::Drop {
        "thrown away"
    } else {
        "replayed"
    };
    format!("{number} of {} letters are to be {what}", counts.seen)
}

fn told(counts: &Counts) -> String {
    let mut parts = vec![format!("{} letters", counts.seen)];
    for (number, what) in [
        (counts.replayed, "replayed"),
        (counts.dropped, "thrown away"),
        (counts.failed, "could not be replayed and stay (scrip dead list)"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}
