//! Commits a group that may contain a poison command.
//!
//! The group is committed as a whole. If the database refuses the changes of a command, the group
//! is halved and the halves are committed from left to right, until the one command is isolated. So
//! the other commands are committed in order, and the decided commands are always a prefix of the
//! group.
//!
//! If several commands in a row are refused, the cause may be the database. Then canaries, which
//! are commands of other users further on in the group, are tried in a dry run. If one of them
//! would succeed, the cause is the commands, or the rows of that one user.

use std::{collections::HashSet, ops::Range, slice};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Origin, Status};

use super::{CommitError, Ledger};

/// This many poison commands without a success in between count as a failure of the database.
const STREAK_LIMIT: usize = 3;
/// Largest number of canaries, each of another user.
const MAX_CANARIES: usize = 20;

/// The distinct poison commands since the last success, with their users. A command that returns
/// from the delay queue is counted once.
#[derive(Debug, Default)]
pub struct Streak(Vec<Poisonous>);

#[derive(Debug, PartialEq, Eq)]
struct Poisonous {
    user_id: String,
    origin: Origin,
    reference_id: String,
}

impl Streak {
    /// Adds a poison command. `true`: their number suggests that the cause is the database.
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

/// The result of one command.
#[derive(Debug)]
pub enum Verdict {
    /// The command is decided and committed.
    Decided(Decision),
    /// The database refuses the command even if it is committed alone.
    Poisonous(CommitError),
}

/// The result of a group: a verdict for each command of a prefix, and why the rest has none.
#[derive(Debug, Default)]
pub struct Committed {
    /// One verdict for each command, from the first on.
    pub verdicts: Vec<Verdict>,
    /// Why the rest of the group has no verdict; `None`: the group is complete.
    pub error: Option<CommitError>,
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
            Err(error @ CommitError::Infrastructure(_)) => {
                committed.error = Some(error);
                return committed;
            }
            Err(poison @ CommitError::Poison(_)) if range.len() == 1 => {
                if streak.is_too_long_with(&commands[range.start]) {
                    let cleared = probe_canaries(ledger, &commands[range.end..], streak, now).await;
                    if !matches!(cleared, Ok(true)) {
                        committed.verdicts.truncate(certain);
                        // After an infrastructure error the transaction may be lost, so the cause
                        // is that error and not the command.
                        committed.error = cleared.err().or(Some(poison));
                        return committed;
                    }
                }
                committed.verdicts.push(Verdict::Poisonous(poison));
            }
            Err(CommitError::Poison(_)) => {
                let middle = range.start + range.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
        }
    }
    committed
}

/// Whether the commands cause the refusals and not the database: whether the first command of some
/// other user among `commands` would be written. If so, the streak ends.
pub async fn probe_canaries<L: Ledger>(
    ledger: &L,
    commands: &[Command],
    streak: &mut Streak,
    now: DateTime<Utc>,
) -> Result<bool, CommitError> {
    let mut users: HashSet<&str> = streak.0.iter().map(|one| one.user_id.as_str()).collect();
    let canaries = commands
        .iter()
        .filter(|command| users.insert(&command.user_id));
    let mut cleared = false;
    for canary in canaries.take(MAX_CANARIES) {
        match ledger.dry_run(slice::from_ref(canary), now).await {
            Ok(decisions) if decisions.iter().any(is_written) => {
                cleared = true;
                break;
            }
            Ok(_) | Err(CommitError::Poison(_)) => {}
            Err(infrastructure) => return Err(infrastructure),
        }
    }
    if cleared {
        streak.end();
    }
    Ok(cleared)
}

/// Whether a decision shows that the database accepts writes. A replay and a refusal by the
/// configuration write nothing.
fn is_written(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::Settled(outcome)
            if !outcome.replayed && outcome.status() == Status::Completed
    )
}

#[cfg(test)]
#[path = "bisect_tests.rs"]
mod tests;
