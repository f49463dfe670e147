//! Makes the commands of one producer. A seed determines them.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use producer_sdk::{
    Command,
    contract::{Origin, SubscriptionStatus},
};

use super::{
    expect::{Intent, PACKAGES},
    load::Sent,
    rng::Rng,
};

/// The number of users per producer.
const USERS: usize = 24;
/// The percentage of commands that are sent again.
const AGAIN: u64 = 4;
/// The number of holds, deposits or revocations of a user that later commands may name.
const REMEMBERED: usize = 4;
/// The number of commands that a producer remembers in order to send them again.
const RECENT: usize = 500;
/// The duration of a hold in seconds. No run takes as long.
const A_DAY: i64 = 86_400;
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
    /// The references of the last holds of each user.
    holds: Vec<Vec<String>>,
    /// The last consumption of each user, which may be refunded.
    spent: Vec<Option<String>>,
    /// The references of the last deposits of each user.
    deposits: Vec<Vec<String>>,
    /// The references of the last revocations of each user.
    revocations: Vec<Vec<String>>,
    last: Option<Sent>,
}

impl Maker {
    /// The maker of this producer. Makers with the same seed and number make the same commands.
    pub fn new(producer: u32, seed: u64) -> Self {
        Self {
            producer,
            rng: Rng::new(seed ^ (u64::from(producer) + 1)),
            number: 0,
            registered: vec![false; USERS],
            subscriptions: vec![0; USERS],
            holds: vec![Vec::new(); USERS],
            spent: vec![None; USERS],
            deposits: vec![Vec::new(); USERS],
            revocations: vec![Vec::new(); USERS],
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

    /// The time of the first confirm of the command that was generated last.
    pub fn confirmed_at(&self) -> Arc<OnceLock<Instant>> {
        self.last
            .as_ref()
            .expect("a generated command")
            .confirmed_at
            .clone()
    }

    /// A new command.
    pub fn next(&mut self) -> Command {
        self.number += 1;
        let reference = reference(self.producer, self.number);
        let hot = self.rng.percent(30);
        let index = if hot { 0 } else { self.rng.index(USERS) };
        let user = format!("p{}-user-{index}", self.producer);
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
            sent_at: Instant::now(),
            confirmed_at: Arc::default(),
        });
        command
    }

    fn intent(&mut self, index: usize, reference: &str, user: &str) -> (Intent, Command) {
        let common_only = self.is_common_only();
        let rng = &mut self.rng;
        match rng.below(if common_only { 88 } else { 148 }) {
            0..70 => {
                self.spent[index] = Some(reference.to_owned());
                spend(rng, reference, user)
            }
            70..78 => {
                let credits = whole(rng.within(1, 100));
                remember(&mut self.deposits[index], reference);
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
                remember(&mut self.deposits[index], reference);
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
            100..130 => hold(rng, &mut self.holds[index], reference, user),
            130..136 => match self.spent[index].clone() {
                Some(of) => refund(rng, reference, user, of),
                None => spend(rng, reference, user),
            },
            136..144 if !self.deposits[index].is_empty() => {
                let of = rng.pick(&self.deposits[index]).clone();
                remember(&mut self.revocations[index], reference);
                revoke(rng, reference, user, of)
            }
            144.. if !self.revocations[index].is_empty() => {
                let of = rng.pick(&self.revocations[index]).clone();
                let command = Command::reinstate(reference, user, of.as_str());
                (Intent::Reinstate(of), command)
            }
            136.. => spend(rng, reference, user),
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

/// A hold, or the capture or release of a hold. It may have ended before, or have been refused.
fn hold(rng: &mut Rng, holds: &mut Vec<String>, reference: &str, user: &str) -> (Intent, Command) {
    let credits = whole(rng.within(1, 60));
    if holds.is_empty() || rng.percent(40) {
        remember(holds, reference);
        let command = Command::hold(reference, user, "anything")
            .amount(credits)
            .expires_in_seconds(A_DAY);
        return (Intent::Hold(reference.to_owned(), credits), command);
    }
    let hold = rng.pick(holds).clone();
    if rng.percent(25) {
        let command = Command::release(reference, user, hold.as_str());
        return (Intent::Release(hold), command);
    }
    let is_final = rng.percent(50);
    let command = Command::capture(reference, user, hold.as_str())
        .amount(credits)
        .is_final(is_final);
    let intent = Intent::Capture {
        hold,
        credits,
        is_final,
    };
    (intent, command)
}

/// A refund of a part of a consumption, or of all that is left, by an app or by support staff.
fn refund(rng: &mut Rng, reference: &str, user: &str, of: String) -> (Intent, Command) {
    let mut command = Command::refund(reference, user, of.as_str());
    let part = rng.percent(70).then(|| whole(rng.within(1, 6)));
    if let Some(credits) = part {
        command = command.amount(credits);
    }
    if rng.percent(30) {
        command = command.through(Origin::Funding);
    }
    (Intent::Refund(of, part), command)
}

/// A revocation of a part of a deposit, or of all that is left.
fn revoke(rng: &mut Rng, reference: &str, user: &str, of: String) -> (Intent, Command) {
    let mut command = Command::revoke(reference, user, of.as_str());
    let part = rng.percent(60).then(|| whole(rng.within(1, 40)));
    if let Some(credits) = part {
        command = command.amount(credits);
    }
    (Intent::Revoke(of, part), command)
}

/// Adds a reference to those that later commands may name.
fn remember(references: &mut Vec<String>, reference: &str) {
    if references.len() == REMEMBERED {
        references.remove(0);
    }
    references.push(reference.to_owned());
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).expect("small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_has_every_kind_of_command() {
        let mut maker = Maker::new(0, 1);
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for _ in 0..4_000 {
            maker.next();
            let intent = format!("{:?}", maker.made().intent);
            let kind = intent.split(['(', ' ']).next().unwrap_or_default();
            *kinds.entry(kind.to_owned()).or_default() += 1;
        }
        assert_eq!(kinds.len(), 15, "{kinds:?}");
    }
}
