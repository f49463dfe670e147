//! The steps of the example, with the expected result of each.

use producer_sdk::{Command, Outcome, contract::Rejection};

/// The example of one user.
#[derive(Debug)]
pub struct Story {
    /// The id of the user.
    pub user: String,
    pub steps: Vec<Step>,
    /// Credits available at the end.
    pub left: i64,
}

/// A step of the example: one command.
#[derive(Debug)]
pub struct Step {
    pub title: &'static str,
    /// The reason for the result.
    pub why: &'static str,
    pub command: Command,
    pub expected: Expected,
}

/// The expected outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    replayed: bool,
    amount: i64,
    balance: i64,
    /// The change of each batch, in order.
    batches: &'static [i64],
    /// The error code; `None` if the command is applied.
    refused: Option<&'static str>,
}

impl Story {
    /// The example for a new user, whose name ends with `run`, the unique name of this run.
    pub fn new(run: &str) -> Result<Self, Rejection> {
        let user = format!("ada-{run}");
        let reference = |name: &str| format!("{name}-{run}");
        // The payment's id is the reference of the purchase.
        let payment = reference("pi");
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
                why: "20 credits for each new user; they expire in 30 days.",
                command: Command::registration_bonus(reference("signup"), &user),
                expected: signed_up,
            },
            Step {
                title: "Ada buys the package `lite`",
                why: "100 credits, and a bonus of 10 in a batch of its own; both last 90 days.",
                command: Command::purchase_package(&payment, &user, "lite", &payment)
                    .paid("9.99", "USD")?,
                expected: Expected {
                    amount: 110,
                    balance: 130,
                    batches: &[100, 10],
                    ..signed_up
                },
            },
            Step {
                title: "Ada has five images made, 5 credits each",
                why: "Credits that expire first are spent first: 20 of the sign-up, \
                      5 of the bonus.",
                command: spend.clone(),
                expected: spent,
            },
            Step {
                title: "Ada requests sixty chats, 2 credits each",
                why: "120 are needed, 105 available: nothing is spent, \
                      the refusal is recorded.",
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
                title: "The app received no reply and sends the images again",
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
    /// Compares an outcome with the expected one. The error names the difference.
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
            "(replayed, amount, balance, batches, refused) must be {expected:?}, got {found:?}"
        ))
    }
}
