//! The story, with what must become of each step.

use producer_sdk::{Command, Outcome, contract::Rejection};

/// The story of one user.
#[derive(Debug)]
pub struct Story {
    /// The user.
    pub user: String,
    /// What happens.
    pub steps: Vec<Step>,
    /// Credits at the end.
    pub left: i64,
}

/// Something that happens.
#[derive(Debug)]
pub struct Step {
    /// What, for people.
    pub title: &'static str,
    /// Why it turns out as it does.
    pub why: &'static str,
    /// The command that says it.
    pub command: Command,
    /// What must become of it.
    pub expected: Expected,
}

/// What must become of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    replayed: bool,
    amount: i64,
    balance: i64,
    /// What each batch gained or lost, in order.
    batches: &'static [i64],
    refused: Option<&'static str>,
}

impl Story {
    /// The story of a user whose name nobody else has: `run` is unlike any other run's.
    pub fn about(run: &str) -> Result<Self, Rejection> {
        let user = format!("ada-{run}");
        let reference = |what: &str| format!("{what}-{run}");
        let spend = Command::consume(reference("chat"), &user, "google:image").quantity(5);
        let signed_up = Expected {
            replayed: false,
            amount: 20,
            balance: 20,
            batches: &[20],
            refused: None,
        };
        let spent = Expected {
            amount: -25,
            balance: 105,
            batches: &[-20, -5],
            ..signed_up
        };
        let steps = vec![
            Step {
                title: "Ada signs up",
                why: "20 credits for everybody who is new; they lapse in 30 days.",
                command: Command::registration_bonus(reference("signup"), &user),
                expected: signed_up,
            },
            Step {
                title: "She buys the package `lite`",
                why: "100 credits, and a bonus of 10 in a batch of its own; both last 90 days.",
                command: Command::purchase_package(reference("order"), &user, "lite", reference("pi"))
                    .paid("9.99", "USD")?,
                expected: Expected {
                    amount: 110,
                    balance: 130,
                    batches: &[100, 10],
                    ..signed_up
                },
            },
            Step {
                title: "She has five images made, 5 credits each",
                why: "Spent is what lapses first: 20 of the sign-up, then 5 of the bonus.",
                command: spend.clone(),
                expected: spent,
            },
            Step {
                title: "She asks for sixty chats, 2 credits each",
                why: "120 are needed and 105 are there: all or nothing, and it is recorded.",
                command: Command::consume(reference("chats"), &user, "google:chat").quantity(60),
                expected: Expected {
                    amount: 0,
                    balance: 105,
                    batches: &[],
                    refused: Some("insufficient_credits"),
                    ..signed_up
                },
            },
            Step {
                title: "The app is not sure and sends the images again",
                why: "Same reference, same content: the same outcome, and nothing changes.",
                command: spend,
                expected: Expected {
                    replayed: true,
                    ..spent
                },
            },
        ];
        Ok(Self {
            user,
            steps,
            left: 105,
        })
    }
}

impl Expected {
    /// Compares; tells what is different.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let batches: Vec<i64> = outcome.allocations.iter().map(|item| item.amount).collect();
        let found = (
            outcome.replayed,
            outcome.amount.unwrap_or_default(),
            outcome.balance.unwrap_or_default(),
            batches.as_slice(),
            outcome.error_code(),
        );
        let expected = (
            self.replayed,
            self.amount,
            self.balance,
            self.batches,
            self.refused,
        );
        if found == expected {
            return Ok(());
        }
        Err(format!(
            "(replayed, amount, balance, batches, refused) are {found:?} and should be {expected:?}"
        ))
    }
}
