use std::sync::Mutex;

use ledger::{Action, Origin, Outcome};

use super::*;

/// A ledger in which some references are poison, and which is away from its n-th group on.
#[derive(Default)]
struct Scripted {
    poison: Vec<&'static str>,
    away_from: Option<usize>,
    breaks_rehearsals: bool,
    groups: Mutex<Vec<Vec<String>>>,
}

impl Scripted {
    fn with_poison(poison: &[&'static str]) -> Self {
        Self {
            poison: poison.to_vec(),
            ..Self::default()
        }
    }

    /// The references that were committed, in the order in which they were.
    fn committed(&self) -> Vec<String> {
        self.groups.lock().unwrap().concat()
    }
}

impl Ledger for Scripted {
    async fn commit_group(&self, commands: &[Command], _: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        let mut groups = self.groups.lock().unwrap();
        if self.away_from.is_some_and(|away| groups.len() >= away) {
            return Err(Trouble::Infrastructure("away".into()));
        }
        if commands
            .iter()
            .any(|command| self.poison.contains(&command.reference_id.as_str()))
        {
            return Err(Trouble::Poison("poison".into()));
        }
        groups.push(
            commands
                .iter()
                .map(|command| command.reference_id.clone())
                .collect(),
        );
        Ok(commands
            .iter()
            .map(|_| Decision::Settled(Outcome::of(&[], None)))
            .collect())
    }

    async fn rehearse(&self, commands: &[Command], _: DateTime<Utc>) -> Result<Vec<Decision>, Trouble> {
        if self.breaks_rehearsals {
            return Err(Trouble::Infrastructure("away".into()));
        }
        let is_poison = |command: &Command| self.poison.contains(&command.reference_id.as_str());
        if commands.iter().any(is_poison) {
            return Err(Trouble::Poison("poison".into()));
        }
        let decide = |command: &Command| {
            let mut outcome = Outcome::of(&[], None);
            outcome.replayed = command.reference_id.starts_with("known");
            Decision::Settled(outcome)
        };
        Ok(commands.iter().map(decide).collect())
    }

    async fn probe(&self) -> Result<(), Trouble> {
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
        action: Action::Consume {
            service: "s".to_owned(),
            amount: None,
            quantity: None,
        },
    };
    references.iter().map(command).collect()
}

/// `.` decided, `x` poisonous; `!` at the end when it did not come to the end of the group.
async fn run(ledger: &Scripted, references: &[&str], streak: &mut Streak) -> String {
    let committed = commit(ledger, &commands(references), streak, Utc::now()).await;
    let signs = committed.verdicts.iter().map(|verdict| match verdict {
        Verdict::Decided(_) => '.',
        Verdict::Poisonous(_) => 'x',
    });
    signs.chain(committed.trouble.map(|_| '!')).collect()
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
async fn an_empty_group_asks_nothing_of_the_ledger() {
    let ledger = Scripted {
        away_from: Some(0),
        ..Scripted::default()
    };
    assert_eq!(run(&ledger, &[], &mut Streak::default()).await, "");
}

#[tokio::test]
async fn the_one_poisonous_command_is_found_and_the_others_are_committed_in_order() {
    let names: Vec<String> = (0..17).map(|n| format!("r{n:02}")).collect();
    let references: Vec<&str> = names.iter().map(String::as_str).collect();
    for (at, poison) in ["r00", "r01", "r02", "r03"].into_iter().enumerate() {
        let ledger = Scripted::with_poison(&[poison]);
        let signs = run(&ledger, &references, &mut Streak::default()).await;
        assert_eq!(signs.find('x'), Some(at));
        assert_eq!(signs.matches('.').count(), 16);
        let good: Vec<String> = names.iter().filter(|name| *name != poison).cloned().collect();
        assert_eq!(ledger.committed(), good);
    }
}

#[tokio::test]
async fn what_is_decided_before_the_database_goes_away_is_a_prefix() {
    let ledger = Scripted {
        away_from: Some(1),
        ..Scripted::with_poison(&["d"])
    };
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d"], &mut Streak::default()).await,
        "..!"
    );
    assert_eq!(ledger.committed(), ["a", "b"]);
}

#[tokio::test]
async fn three_poisonous_commands_in_a_row_are_not_believed_and_none_of_them_is_settled() {
    let ledger = Scripted::with_poison(&["b", "c", "d", "e"]);
    let mut streak = Streak::default();
    assert_eq!(run(&ledger, &["a", "b", "c", "d", "e"], &mut streak).await, ".!");
    assert_eq!(
        run(&ledger, &["b", "c", "d", "e"], &mut streak).await,
        "!",
        "and still not when tried again"
    );
}

#[tokio::test]
async fn when_a_later_command_of_another_user_would_succeed_it_is_not_the_database() {
    let ledger = Scripted::with_poison(&["b", "c", "d", "e"]);
    let mut streak = Streak::default();
    let group = ["a", "b", "c", "d", "e", "f", "g"];
    assert_eq!(run(&ledger, &group, &mut streak).await, ".xxxx..");
    assert_eq!(ledger.committed(), ["a", "f", "g"]);
}

#[tokio::test]
async fn a_replay_shows_nothing_of_what_the_database_would_take() {
    let ledger = Scripted::with_poison(&["b", "c", "d"]);
    let mut streak = Streak::default();
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d", "known"], &mut streak).await,
        ".!"
    );
}

#[tokio::test]
async fn when_the_database_goes_away_during_a_rehearsal_it_is_trouble_with_the_database() {
    let ledger = Scripted {
        breaks_rehearsals: true,
        ..Scripted::with_poison(&["b", "c", "d"])
    };
    let group = commands(&["a", "b", "c", "d", "e"]);
    let committed = commit(&ledger, &group, &mut Streak::default(), Utc::now()).await;
    assert!(matches!(committed.trouble, Some(Trouble::Infrastructure(_))));
    assert_eq!(
        committed.verdicts.len(),
        1,
        "what is certain stands, nothing else"
    );
}

#[tokio::test]
async fn the_commands_of_one_user_whose_rows_are_broken_are_set_aside_when_another_users_would_succeed() {
    let ledger = Scripted::with_poison(&["a", "b", "c", "d"]);
    let mut group = commands(&["a", "b", "c", "d", "e"]);
    for command in &mut group[..4] {
        command.user_id = "broken".to_owned();
    }
    let alone = commit(&ledger, &group[..4], &mut Streak::default(), Utc::now()).await;
    assert!(alone.trouble.is_some(), "nobody else is there to ask");
    let committed = commit(&ledger, &group, &mut Streak::default(), Utc::now()).await;
    assert!(committed.trouble.is_none());
    assert_eq!(committed.verdicts.len(), 5);
    assert_eq!(ledger.committed(), ["e"]);
}

#[tokio::test]
async fn a_success_between_them_makes_poisonous_commands_believable() {
    let ledger = Scripted::with_poison(&["a", "b", "d", "e"]);
    assert_eq!(
        run(&ledger, &["a", "b", "c", "d", "e", "f"], &mut Streak::default()).await,
        "xx.xx."
    );
}

#[tokio::test]
async fn poisonous_commands_are_counted_across_groups() {
    let ledger = Scripted::with_poison(&["a", "b", "c"]);
    let mut streak = Streak::default();
    assert_eq!(run(&ledger, &["a"], &mut streak).await, "x");
    assert_eq!(run(&ledger, &["b"], &mut streak).await, "x");
    assert_eq!(run(&ledger, &["c"], &mut streak).await, "!");
}

#[tokio::test]
async fn one_command_that_comes_back_is_not_several() {
    let ledger = Scripted::with_poison(&["a"]);
    let mut streak = Streak::default();
    for _ in 0..4 {
        assert_eq!(run(&ledger, &["a"], &mut streak).await, "x");
    }
}
