use std::sync::Mutex;

use ledger::{Action, Consume, Origin, Outcome};

use super::*;
use crate::pipeline::Cause;

fn cause(message: &str) -> Cause {
    Cause {
        kind: "other",
        code: None,
        message: message.to_owned(),
    }
}

/// A ledger in which some references are poison, and which is unavailable from its n-th group on.
#[derive(Default)]
struct Scripted {
    poison: Vec<&'static str>,
    unavailable_from: Option<usize>,
    fails_dry_runs: bool,
    groups: Mutex<Vec<Vec<String>>>,
}

impl Scripted {
    fn with_poison(poison: &[&'static str]) -> Self {
        Self {
            poison: poison.to_vec(),
            ..Self::default()
        }
    }

    /// The references that were committed, in order of commit.
    fn committed(&self) -> Vec<String> {
        self.groups.lock().unwrap().concat()
    }
}

impl Ledger for Scripted {
    async fn commit_group(
        &self,
        commands: &[Command],
        _: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        let mut groups = self.groups.lock().unwrap();
        if self
            .unavailable_from
            .is_some_and(|first| groups.len() >= first)
        {
            return Err(CommitError::Infrastructure(cause("unavailable")));
        }
        if commands
            .iter()
            .any(|command| self.poison.contains(&command.reference_id.as_str()))
        {
            return Err(CommitError::Poison(cause("poison")));
        }
        groups.push(
            commands
                .iter()
                .map(|command| command.reference_id.clone())
                .collect(),
        );
        Ok(commands
            .iter()
            .map(|_| Decision::Settled(Outcome::from_transactions([], None)))
            .collect())
    }

    async fn dry_run(
        &self,
        commands: &[Command],
        _: DateTime<Utc>,
    ) -> Result<Vec<Decision>, CommitError> {
        if self.fails_dry_runs {
            return Err(CommitError::Infrastructure(cause("unavailable")));
        }
        let is_poison = |command: &Command| self.poison.contains(&command.reference_id.as_str());
        if commands.iter().any(is_poison) {
            return Err(CommitError::Poison(cause("poison")));
        }
        let decide = |command: &Command| {
            let mut outcome = Outcome::from_transactions([], None);
            outcome.replayed = command.reference_id.starts_with("known");
            Decision::Settled(outcome)
        };
        Ok(commands.iter().map(decide).collect())
    }

    async fn probe(&self) -> Result<(), CommitError> {
        Ok(())
    }
}

fn commands(references: &[&str]) -> Vec<Command> {
    let command = |reference: &&str| Command {
        origin: Origin::Usage,
        reference_id: (*reference).to_owned(),
        user_id: format!("user of {reference}"),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action: Action::Consume(Consume {
            service: "s".to_owned(),
            amount: None,
            quantity: None,
        }),
    };
    references.iter().map(command).collect()
}

/// `.` decided, `x` poison; `!` at the end if the group is not complete.
async fn run(ledger: &Scripted, references: &[&str], streak: &mut Streak) -> String {
    let committed = commit(ledger, &commands(references), streak, Utc::now()).await;
    let signs = committed.verdicts.iter().map(|verdict| match verdict {
        Verdict::Decided(_) => '.',
        Verdict::Poisonous(_) => 'x',
    });
    signs.chain(committed.error.map(|_| '!')).collect()
}

#[tokio::test]
async fn a_good_group_is_committed_at_once() {
    let ledger = Scripted::default();
    assert_eq!(
        run(&ledger, &["a", "b", "c"], &mut Streak::default()).await,
        "..."
    );
    assert_eq!(ledger.groups.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_empty_group_sends_nothing_to_the_ledger() {
    let ledger = Scripted {
        unavailable_from: Some(0),
        ..Scripted::default()
    };
    assert_eq!(run(&ledger, &[], &mut Streak::default()).await, "");
}

/// Conformance: Ordering, failures and dead letters: Bisection finds a poison command; it is
/// delayed three times, then dead-lettered; its neighbours proceed in order
#[tokio::test]
async fn the_poison_command_is_found_and_the_others_are_committed_in_order() {
    let names: Vec<String> = (0..17).map(|n| format!("r{n:02}")).collect();
    let references: Vec<&str> = names.iter().map(String::as_str).collect();
    for (at, poison) in ["r00", "r01", "r02", "r03"].into_iter().enumerate() {
        let ledger = Scripted::with_poison(&[poison]);
        let signs = run(&ledger, &references, &mut Streak::default()).await;
        assert_eq!(signs.find('x'), Some(at));
        assert_eq!(signs.matches('.').count(), 16);
        let good: Vec<String> = names
            .iter()
            .filter(|name| *name != poison)
            .cloned()
            .collect();
        assert_eq!(ledger.committed(), good);
    }
}

#[tokio::test]
async fn the_commands_decided_before_a_database_failure_are_a_prefix() {
    let ledger = Scripted {
        unavailable_from: Some(1),
        ..Scripted::with_poison(&["d"])
    };
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d"], &mut Streak::default()).await,
        "..!"
    );
    assert_eq!(ledger.committed(), ["a", "b"]);
}

/// Conformance: Ordering, failures and dead letters: Three poison commands in a row pause the lane
/// and raise an alarm, and none is dead-lettered
#[tokio::test]
async fn three_poison_commands_in_a_row_count_as_a_database_failure_and_stay_unsettled() {
    let ledger = Scripted::with_poison(&["b", "c", "d", "e"]);
    let mut streak = Streak::default();
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d", "e"], &mut streak).await,
        ".!"
    );
    assert_eq!(
        run(&ledger, &["b", "c", "d", "e"], &mut streak).await,
        "!",
        "a retry does not settle them either"
    );
}

/// Conformance: Ordering, failures and dead letters: Three poison commands in a row pause the lane
/// and raise an alarm, and none is dead-lettered
#[tokio::test]
async fn a_later_command_of_another_user_that_would_succeed_clears_the_database() {
    let ledger = Scripted::with_poison(&["b", "c", "d", "e"]);
    let mut streak = Streak::default();
    let group = ["a", "b", "c", "d", "e", "f", "g"];
    assert_eq!(run(&ledger, &group, &mut streak).await, ".xxxx..");
    assert_eq!(ledger.committed(), ["a", "f", "g"]);
}

#[tokio::test]
async fn a_replay_does_not_show_that_the_database_accepts_writes() {
    let ledger = Scripted::with_poison(&["b", "c", "d"]);
    let mut streak = Streak::default();
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d", "known"], &mut streak).await,
        ".!"
    );
}

#[tokio::test]
async fn a_database_failure_during_a_dry_run_is_an_infrastructure_error() {
    let ledger = Scripted {
        fails_dry_runs: true,
        ..Scripted::with_poison(&["b", "c", "d"])
    };
    let group = commands(&["a", "b", "c", "d", "e"]);
    let committed = commit(&ledger, &group, &mut Streak::default(), Utc::now()).await;
    assert!(matches!(
        committed.error,
        Some(CommitError::Infrastructure(_))
    ));
    assert_eq!(committed.verdicts.len(), 1, "only certain verdicts remain");
}

#[tokio::test]
async fn commands_of_a_user_with_broken_rows_are_poison_if_another_user_would_succeed() {
    let ledger = Scripted::with_poison(&["a", "b", "c", "d"]);
    let mut group = commands(&["a", "b", "c", "d", "e"]);
    for command in &mut group[..4] {
        command.user_id = "broken".to_owned();
    }
    let alone = commit(&ledger, &group[..4], &mut Streak::default(), Utc::now()).await;
    assert!(alone.error.is_some(), "there is no canary");
    let committed = commit(&ledger, &group, &mut Streak::default(), Utc::now()).await;
    assert!(committed.error.is_none());
    assert_eq!(committed.verdicts.len(), 5);
    assert_eq!(ledger.committed(), ["e"]);
}

#[tokio::test]
async fn a_success_between_poison_commands_ends_the_streak() {
    let ledger = Scripted::with_poison(&["a", "b", "d", "e"]);
    assert_eq!(
        run(
            &ledger,
            &["a", "b", "c", "d", "e", "f"],
            &mut Streak::default()
        )
        .await,
        "xx.xx."
    );
}

#[tokio::test]
async fn poison_commands_are_counted_across_groups() {
    let ledger = Scripted::with_poison(&["a", "b", "c"]);
    let mut streak = Streak::default();
    assert_eq!(run(&ledger, &["a"], &mut streak).await, "x");
    assert_eq!(run(&ledger, &["b"], &mut streak).await, "x");
    assert_eq!(run(&ledger, &["c"], &mut streak).await, "!");
}

#[tokio::test]
async fn a_command_that_comes_back_is_counted_once() {
    let ledger = Scripted::with_poison(&["a"]);
    let mut streak = Streak::default();
    for _ in 0..4 {
        assert_eq!(run(&ledger, &["a"], &mut streak).await, "x");
    }
}
