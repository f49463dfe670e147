//! Committing a group of which one command may be poison.
//!
//! The group is committed as a whole. When the database refuses what some command leads to, the group is halved
//! and its halves are committed from left to right, until the one command is found; so the others are committed
//! in their order, and what is decided is always a prefix of the group.
//!
//! When several commands in a row are refused, it may be the database. Then a command of another user, further on in
//! the group, is tried and rolled back: if it would succeed, it is the commands after all, or that one user's rows.

use std::{collections::HashSet, ops::Range, slice};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Origin, Status};

use super::{Ledger, Trouble};

/// This many poisonous commands without a success between them are taken for trouble with the database.
const STREAK_LIMIT: usize = 3;
/// Commands of so many other users are tried to find out whether it is the database.
const WITNESSES: usize = 20;

/// The different poisonous commands since the last success, with their users. One that comes back from the delay
/// queue is the same command, not another.
#[derive(Debug, Default)]
pub struct Streak(Vec<Poisonous>);

#[derive(Debug, PartialEq, Eq)]
struct Poisonous {
    user_id: String,
    origin: Origin,
    reference_id: String,
}

impl Streak {
    /// Notes a poisonous command; `true` when it is no longer believable that it lies with the commands.
    fn is_too_long_with(&mut self, command: &Command) -> bool {
        let poisonous = Poisonous {
            user_id: command.user_id.clone(),
            origin: command.origin,
            reference_id: command.reference_id.clone(),
        };
        if self.0.len() < STREAK_LIMIT && !self.0.contains(&poisonous) {
            self.0.push(poisonous);
        }
        self.0.len() >= STREAK_LIMIT
    }

    fn end(&mut self) {
        self.0.clear();
    }
}

/// What became of one command.
#[derive(Debug)]
pub enum Verdict {
    /// It was decided and is committed.
    Decided(Decision),
    /// It alone is refused by the database.
    Poisonous(Trouble),
}

/// What became of a group: a verdict for each command of a prefix, and why the rest has none.
#[derive(Debug, Default)]
pub struct Committed {
    /// One verdict for each command, from the first on.
    pub verdicts: Vec<Verdict>,
    /// Why it is not the whole group.
    pub trouble: Option<Trouble>,
}

/// Commits `commands`, in order.
pub async fn commit<L: Ledger>(
    ledger: &L,
    commands: &[Command],
    streak: &mut Streak,
    now: DateTime<Utc>,
) -> Committed {
    let mut committed = Committed::default();
    let mut certain = 0;
    let mut open: Vec<Range<usize>> = Vec::new();
    if !commands.is_empty() {
        open.push(0..commands.len());
    }
    while let Some(range) = open.pop() {
        match ledger.commit_group(&commands[range.clone()], now).await {
            Ok(decisions) => {
                if decisions.iter().any(is_written) {
                    streak.end();
                }
                committed
                    .verdicts
                    .extend(decisions.into_iter().map(Verdict::Decided));
                certain = committed.verdicts.len();
            }
            Err(trouble @ Trouble::Infrastructure(_)) => {
                committed.trouble = Some(trouble);
                return committed;
            }
            Err(poison @ Trouble::Poison(_)) if range.len() == 1 => {
                if streak.is_too_long_with(&commands[range.start]) {
                    let acquitted = acquit(ledger, &commands[range.end..], streak, now).await;
                    if !matches!(acquitted, Ok(true)) {
                        committed.verdicts.truncate(certain);
                        // If it is infrastructure, what the transaction held may be gone: it is not about the command.
                        committed.trouble = acquitted.err().or(Some(poison));
                        return committed;
                    }
                }
                committed.verdicts.push(Verdict::Poisonous(poison));
            }
            Err(Trouble::Poison(_)) => {
                let middle = range.start + range.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
        }
    }
    committed
}

/// Whether it is the commands and not the database: whether the first command of some other user among `commands` would
/// be written. If so the streak is over.
pub async fn acquit<L: Ledger>(
    ledger: &L,
    commands: &[Command],
    streak: &mut Streak,
    now: DateTime<Utc>,
) -> Result<bool, Trouble> {
    let mut asked: HashSet<&str> = streak.0.iter().map(|one| one.user_id.as_str()).collect();
    let witnesses = commands.iter().filter(|command| asked.insert(&command.user_id));
    let mut acquitted = false;
    for witness in witnesses.take(WITNESSES) {
        match ledger.rehearse(slice::from_ref(witness), now).await {
            Ok(decisions) if decisions.iter().any(is_written) => {
                acquitted = true;
                break;
            }
            Ok(_) | Err(Trouble::Poison(_)) => {}
            Err(infrastructure) => return Err(infrastructure),
        }
    }
    if acquitted {
        streak.end();
    }
    Ok(acquitted)
}

/// Whether a decision shows that the database takes what is written. A replay and a refusal by the configuration write
/// nothing.
fn is_written(decision: &Decision) -> bool {
    matches!(decision, Decision::Settled(outcome) if !outcome.replayed && outcome.status() == Status::Completed)
}

#[cfg(test)]
#[path = "bisect_tests.rs"]
mod tests;
