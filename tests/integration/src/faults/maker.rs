//! Makes the commands of one producer. A seed determines them.

use producer_sdk::{Command, contract::SubscriptionStatus};

use super::{
    expect::{Intent, PACKAGES},
    load::Sent,
    rng::Rng,
};

/// The number of users per producer.
const USERS: u64 = 24;
/// The percentage of commands that are sent again.
const AGAIN: u64 = 4;
/// The number of commands that a producer remembers in order to send them again.
const RECENT: usize = 500;
/// The number of commands per producer in a phase. All producers send at the same rate, so they are
/// in the same phase at the same time.
const PHASE: u64 = 200;

/// The reference of the command with this number.
pub fn reference(producer: u32, number: u64) -> String {
    format!("p{producer}-{number}")
}

/// Generates the commands of one producer.
pub struct Maker {
    producer: u32,
    rng: Rng,
    number: u64,
    registered: Vec<bool>,
    subscriptions: Vec<u32>,
    last: Option<Sent>,
}

impl Maker {
    /// The maker of this producer. Makers with the same seed and number make the same commands.
    pub fn new(producer: u32, seed: u64) -> Self {
        Self {
            producer,
            rng: Rng::new(seed ^ (u64::from(producer) + 1)),
            number: 0,
            registered: vec![false; usize::try_from(USERS).expect("few")],
            subscriptions: vec![0; usize::try_from(USERS).expect("few")],
            last: None,
        }
    }

    /// Sometimes a command that was sent before.
    pub fn again(&mut self, recent: &[Command]) -> Option<Command> {
        let again = !recent.is_empty() && !self.is_common_only() && self.rng.percent(AGAIN);
        again.then(|| self.rng.pick(recent).clone())
    }

    /// Whether the current phase has only new commands that can be committed on the optimistic
    /// path.
    const fn is_common_only(&self) -> bool {
        self.number / PHASE % 2 == 1
    }

    /// Adds a command to those that may be sent again.
    pub fn remember(&mut self, recent: &mut Vec<Command>, command: Command) {
        if recent.len() < RECENT {
            recent.push(command);
        } else {
            let at = usize::try_from(self.rng.below(RECENT as u64)).expect("small");
            recent[at] = command;
        }
    }

    /// The command that was generated last.
    pub fn made(&mut self) -> Sent {
        self.last.take().expect("a generated command")
    }

    /// A new command.
    pub fn next(&mut self) -> Command {
        self.number += 1;
        let reference = reference(self.producer, self.number);
        let hot = self.rng.percent(30);
        let index = if hot { 0 } else { self.rng.below(USERS) };
        let user = format!("p{}-user-{index}", self.producer);
        let index = usize::try_from(index).expect("few");
        let (intent, command) = if std::mem::replace(&mut self.registered[index], true) {
            self.intent(index, &reference, &user)
        } else {
            (
                Intent::Register,
                Command::registration_bonus(reference.as_str(), user.as_str()),
            )
        };
        self.last = Some(Sent {
            user,
            reference,
            intent,
        });
        command
    }

    fn intent(&mut self, index: usize, reference: &str, user: &str) -> (Intent, Command) {
        let common_only = self.is_common_only();
        let rng = &mut self.rng;
        match rng.below(if common_only { 88 } else { 100 }) {
            0..70 => spend(rng, reference, user),
            70..78 => {
                let credits = whole(rng.within(1, 100));
                (
                    Intent::Promotion(credits),
                    Command::promotion(reference, user, credits),
                )
            }
            78..84 => {
                let package = rng.pick(&PACKAGES).0;
                (
                    Intent::Package(package),
                    Command::purchase_package(reference, user, package, reference),
                )
            }
            84..88 => {
                let credits = whole(rng.within(1, 200));
                (
                    Intent::Credits(credits),
                    Command::purchase_credits(reference, user, credits, reference),
                )
            }
            88..91 => (
                Intent::Freeze,
                Command::freeze(reference, user, "a test", "a test"),
            ),
            91..97 => (
                Intent::Unfreeze,
                Command::unfreeze(reference, user, "a test", "a test"),
            ),
            _ => {
                let begun = &mut self.subscriptions[index];
                let ends = *begun > 0 && rng.percent(40);
                if !ends {
                    *begun += 1;
                }
                let number = *begun;
                let (intent, status) = if ends {
                    (Intent::End(number), SubscriptionStatus::Canceled)
                } else {
                    (Intent::Begin(number), SubscriptionStatus::Active)
                };
                let id = format!("{user}-sub-{number}");
                (
                    intent,
                    Command::subscription(reference, user, id, "pro", status),
                )
            }
        }
    }
}

/// A consumption that states its price in one of four ways. The prices are those of the workers'
/// configuration.
fn spend(rng: &mut Rng, reference: &str, user: &str) -> (Intent, Command) {
    let consume = |service: &str| Command::consume(reference, user, service);
    match rng.below(4) {
        0 => {
            let images = whole(rng.within(1, 4));
            (
                Intent::Spend(5 * images),
                consume("google:image").quantity(images),
            )
        }
        1 => {
            let tokens = whole(rng.within(1, 9_000));
            (
                Intent::Spend((tokens + 999) / 1_000),
                consume("llm:tokens").quantity(tokens),
            )
        }
        2 => {
            let credits = whole(rng.within(1, 120));
            (Intent::Spend(credits), consume("anything").amount(credits))
        }
        _ => (Intent::Spend(1), consume("unpriced")),
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).expect("small")
}
