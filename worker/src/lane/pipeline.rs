//! From deliveries to settlements.

use std::{borrow::Cow, mem, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision, Refusal};
use producer_sdk::contract::{self, Rejection, RejectionCode};
use tracing::{error, warn};

use super::{
    Admitted, Dead, Delay, Delivery, LaneStats, Ledger, MAX_ATTEMPTS, Reply, Settled, Settlement, Streak,
    Trouble,
    bisect::{self, Verdict},
    tally::Tally,
};
use crate::{dead::CutBody, decode, outcome, senders::SenderPolicy};

/// The reason of a dead letter that the database keeps refusing, or that keeps killing its worker.
pub(super) const POISON: &str = "poison";

/// The reason of a dead letter that was paid for and cannot be applied.
pub(super) fn unapplied(code: Refusal) -> String {
    format!("unapplied:{}", code.as_str())
}

/// Takes deliveries through the ledger. One lane owns one.
#[derive(Debug)]
pub struct Pipeline<L> {
    ledger: Arc<L>,
    senders: Arc<SenderPolicy>,
    streak: Streak,
    stats: Arc<LaneStats>,
    /// What the pass at work has counted.
    tally: Tally,
}

/// What became of a group.
#[derive(Debug)]
pub struct Pass<T> {
    /// What is settled, in order of arrival.
    pub settled: Vec<Settled<T>>,
    /// What is not, and why.
    pub halt: Option<Halt<T>>,
}

/// Why a lane cannot go on for now.
#[derive(Debug)]
pub struct Halt<T> {
    /// What is not settled, in order of arrival.
    pub rest: Vec<Admitted<T>>,
    /// The cause. Poison here means that several commands in a row were refused: it is not the commands.
    pub trouble: Trouble,
}

impl<L: Ledger> Pipeline<L> {
    /// A pipeline into `ledger`, for what `senders` allows.
    pub fn new(ledger: Arc<L>, senders: Arc<SenderPolicy>, stats: Arc<LaneStats>) -> Self {
        Self {
            ledger,
            senders,
            streak: Streak::default(),
            stats,
            tally: Tally::default(),
        }
    }

    /// The ledger behind it.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// The lane's counters.
    pub fn stats(&self) -> &LaneStats {
        &self.stats
    }

    /// Whether commands that come behind show that it is not the database which refuses one command after the other.
    pub async fn acquit(&mut self, behind: &[Command], now: DateTime<Utc>) -> Result<bool, Trouble> {
        bisect::acquit(&*self.ledger, behind, &mut self.streak, now).await
    }

    /// Decodes a delivery, and checks that its sender may send it.
    pub fn admit<T>(&self, delivery: Delivery<T>) -> Admitted<T> {
        let verdict = self.command_of(&delivery);
        Admitted { delivery, verdict }
    }

    fn command_of<T>(&self, delivery: &Delivery<T>) -> Result<Command, Rejection> {
        if delivery.unreadable.is_some() {
            return Err(unreadable(delivery));
        }
        let door = delivery.door.ok_or_else(past_the_exchanges)?;
        let mut command = decode::decode(&delivery.body, door)?;
        self.senders.check_command(delivery.sender.as_deref(), &command)?;
        command.received_at = Some(decode::micros(delivery.first_seen));
        command.sender.clone_from(&delivery.sender);
        Ok(command)
    }

    /// Commits a group, in order of arrival.
    pub async fn pass<T>(&mut self, group: Vec<Admitted<T>>, now: DateTime<Utc>) -> Pass<T> {
        let mut commands = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        for Admitted { delivery, verdict } in group {
            match verdict {
                Ok(command) => {
                    commands.push(command);
                    waiting.push((delivery, None));
                }
                Err(rejection) => waiting.push((delivery, Some(rejection))),
            }
        }

        let started = Instant::now();
        let committed = bisect::commit(&*self.ledger, &commands, &mut self.streak, now).await;
        if !committed.verdicts.is_empty() {
            self.stats.committed(committed.verdicts.len(), started.elapsed());
        }

        let mut settled = Vec::with_capacity(waiting.len());
        let mut commands = commands.into_iter();
        let mut verdicts = committed.verdicts.into_iter();
        let mut waiting = waiting.into_iter();
        let mut rest = Vec::new();
        for (delivery, rejection) in waiting.by_ref() {
            match rejection {
                Some(rejection) => settled.push(self.reject(delivery, rejection)),
                None => match (commands.next(), verdicts.next()) {
                    (Some(command), Some(verdict)) => settled.push(self.settle(delivery, &command, verdict)),
                    (Some(command), None) => {
                        rest.push(Admitted {
                            delivery,
                            verdict: Ok(command),
                        });
                        break;
                    }
                    (None, _) => break,
                },
            }
        }
        rest.extend(waiting.filter_map(|(delivery, rejection)| match rejection {
            Some(rejection) => Some(Admitted {
                delivery,
                verdict: Err(rejection),
            }),
            None => commands.next().map(|command| Admitted {
                delivery,
                verdict: Ok(command),
            }),
        }));
        self.stats.add(mem::take(&mut self.tally));
        Pass {
            settled,
            halt: committed.trouble.map(|trouble| Halt { rest, trouble }),
        }
    }

    fn settle<T>(&mut self, delivery: Delivery<T>, command: &Command, verdict: Verdict) -> Settled<T> {
        match verdict {
            Verdict::Decided(decision) => self.decided(delivery, command, &decision),
            Verdict::Poisonous(trouble) => self.poisoned(delivery, command, &trouble),
        }
    }

    fn decided<T>(&mut self, delivery: Delivery<T>, command: &Command, decision: &Decision) -> Settled<T> {
        let settlement = match decision {
            Decision::Settled(outcome) => {
                self.tally
                    .decided(outcome.status() == ledger::Status::Completed, outcome.replayed);
                Settlement::Ack
            }
            Decision::Unapplied(refused) => {
                self.tally.decided(false, false);
                let code = refused.code.as_str();
                let reason: Cow<'static, str> = unapplied(refused.code).into();
                self.tally.dead.push(reason.clone());
                error!(
                    alarm = true,
                    user.id = command.user_id,
                    reference.id = command.reference_id,
                    sender = delivery.sender,
                    code,
                    "a payment cannot be applied; replay it from the dead-letter queue when the cause is mended"
                );
                Settlement::Dead(Dead {
                    is_rejection: false,
                    reason,
                    error: format!(
                        "this {} was paid for and cannot be applied: {refused} ({code})",
                        command.kind()
                    ),
                    field: None,
                    cut: None,
                })
            }
        };
        let reply = reply_with(&delivery, || {
            contract::Reply::Outcome(outcome::wire(command, decision))
        });
        Settled {
            delivery,
            settlement,
            reply,
        }
    }

    fn poisoned<T>(&mut self, delivery: Delivery<T>, command: &Command, trouble: &Trouble) -> Settled<T> {
        let error = trouble.chain();
        let settlement = if delivery.attempt < MAX_ATTEMPTS {
            self.tally.delayed += 1;
            let attempt = delivery.attempt + 1;
            warn!(
                user.id = command.user_id,
                reference.id = command.reference_id,
                sender = delivery.sender,
                attempt,
                error,
                "the database refuses what a command leads to; trying it again later"
            );
            Settlement::Delay(Delay { attempt, error })
        } else {
            self.tally.dead.push(POISON.into());
            error!(
                alarm = true,
                user.id = command.user_id,
                reference.id = command.reference_id,
                sender = delivery.sender,
                error,
                "the database keeps refusing what a command leads to; it is a dead letter now"
            );
            Settlement::Dead(Dead {
                is_rejection: false,
                reason: POISON.into(),
                error,
                field: None,
                cut: None,
            })
        };
        Settled {
            delivery,
            settlement,
            reply: None,
        }
    }

    /// Sends a delivery through the delay queue without looking into it: it was taken `times` times, and
    /// whoever took it never answered.
    pub fn set_apart<T>(&mut self, delivery: Delivery<T>, times: u32) -> Settled<T> {
        let error = format!("it was taken {times} times without an answer; it may be killing its worker");
        let settlement = if delivery.attempt < MAX_ATTEMPTS {
            self.tally.delayed += 1;
            let attempt = delivery.attempt + 1;
            warn!(
                times,
                attempt,
                sender = delivery.sender,
                "a message may be killing its worker; trying it again later"
            );
            Settlement::Delay(Delay { attempt, error })
        } else {
            self.tally.dead.push(POISON.into());
            error!(
                alarm = true,
                times,
                sender = delivery.sender,
                "a message keeps killing its worker; it is a dead letter now"
            );
            Settlement::Dead(Dead {
                is_rejection: false,
                reason: POISON.into(),
                error,
                field: None,
                cut: None,
            })
        };
        self.stats.add(mem::take(&mut self.tally));
        Settled {
            delivery,
            settlement,
            reply: None,
        }
    }

    fn reject<T>(&mut self, mut delivery: Delivery<T>, rejection: Rejection) -> Settled<T> {
        let reason = rejection.code.as_str();
        self.tally.dead.push(reason.into());
        warn!(
            reason,
            sender = delivery.sender,
            field = rejection.field,
            error = rejection.message,
            "a message cannot be understood"
        );
        let reply = reply_with(&delivery, || contract::Reply::Rejected(rejection.clone()));
        let Rejection { message, field, .. } = rejection;
        let settlement = Settlement::Dead(Dead {
            is_rejection: true,
            reason: reason.into(),
            error: message,
            field,
            cut: CutBody::cut(&mut delivery.body),
        });
        Settled {
            delivery,
            settlement,
            reply,
        }
    }
}

fn reply_with<T>(delivery: &Delivery<T>, make: impl FnOnce() -> contract::Reply) -> Option<Reply> {
    delivery.reply.as_ref().map(|to| Reply {
        to: to.clone(),
        body: make().to_json(),
    })
}

fn unreadable<T>(delivery: &Delivery<T>) -> Rejection {
    let why = delivery.unreadable.as_deref().unwrap_or_default();
    Rejection {
        code: RejectionCode::UnreadableProperties,
        message: format!(
            "the properties of the message cannot be read, and the letter has none of them: {why}"
        ),
        field: None,
    }
}

fn past_the_exchanges() -> Rejection {
    Rejection {
        code: RejectionCode::ForbiddenExchange,
        message:
            "the command was put into the queue past the exchanges; allowed is publishing to the exchange \
                  that its type belongs to"
                .to_owned(),
        field: None,
    }
}
