//! Processes deliveries: it decodes them, commits them, and decides their settlement.

use std::{borrow::Cow, mem, sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use ledger::{Command, Decision};
use producer_sdk::contract::{self, Rejection, RejectionCode};
use tracing::{error, warn};

use super::{
    Admitted, CommitError, Dead, Delay, Delivery, LaneStats, Ledger, MAX_ATTEMPTS, Reply, Settled,
    Settlement, Streak,
    bisect::{self, Verdict},
    counters::PassCounters,
    settlement::{POISON, unapplied},
};
use crate::{dead_letters::CutBody, decode, outcome, senders::SenderPolicy};

/// Takes deliveries through the ledger. Each lane owns one pipeline, and lends it the ledger for each
/// group.
#[derive(Debug)]
pub struct Pipeline {
    senders: Arc<SenderPolicy>,
    streak: Streak,
    stats: Arc<LaneStats>,
    /// The counters of the group in progress.
    counters: PassCounters,
}

/// The result of a group.
#[derive(Debug)]
pub struct GroupResult<T> {
    /// The settled deliveries, in order of arrival.
    pub settled: Vec<Settled<T>>,
    /// The deliveries that are not settled, and why; `None` if there are none.
    pub stalled: Option<Stalled<T>>,
}

/// Why a lane cannot continue for now.
#[derive(Debug)]
pub struct Stalled<T> {
    /// The deliveries that are not settled, in order of arrival.
    pub rest: Vec<Admitted<T>>,
    /// The cause. [`CommitError::Poison`] means here that several commands in a row were refused:
    /// the cause is the database, not the commands.
    pub error: CommitError,
}

impl Pipeline {
    /// A pipeline for the commands that `senders` allows.
    pub fn new(senders: Arc<SenderPolicy>, stats: Arc<LaneStats>) -> Self {
        Self {
            senders,
            streak: Streak::default(),
            stats,
            counters: PassCounters::default(),
        }
    }

    /// The counters of the lane.
    pub fn stats(&self) -> &LaneStats {
        &self.stats
    }

    /// Whether a canary among `behind`, the commands behind the group, shows that the database is
    /// not the cause of the refusals.
    pub async fn probe_canaries(
        &mut self,
        ledger: &impl Ledger,
        behind: &[Command],
        now: DateTime<Utc>,
    ) -> Result<bool, CommitError> {
        bisect::probe_canaries(ledger, behind, &mut self.streak, now).await
    }

    /// Decodes a delivery and checks that its sender may send it.
    pub fn admit<T>(&self, delivery: Delivery<T>) -> Admitted<T> {
        let verdict = self.command_of(&delivery);
        Admitted { delivery, verdict }
    }

    fn command_of<T>(&self, delivery: &Delivery<T>) -> Result<Command, Rejection> {
        if delivery.unreadable.is_some() {
            return Err(unreadable(delivery));
        }
        let origin = delivery.origin.ok_or_else(without_exchange)?;
        let mut command = decode::decode(&delivery.body, origin)?;
        self.senders
            .check_command(delivery.sender.as_deref(), &command)?;
        command.received_at = Some(decode::micros(delivery.first_seen));
        command.sender.clone_from(&delivery.sender);
        Ok(command)
    }

    /// Commits a group to `ledger`, in order of arrival.
    pub async fn pass<T>(
        &mut self,
        ledger: &impl Ledger,
        group: Vec<Admitted<T>>,
        now: DateTime<Utc>,
    ) -> GroupResult<T> {
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
        let committed = bisect::commit(ledger, &commands, &mut self.streak, now).await;
        if !committed.verdicts.is_empty() {
            self.stats
                .committed(committed.verdicts.len(), started.elapsed());
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
                    (Some(command), Some(verdict)) => {
                        settled.push(self.settle(delivery, &command, verdict));
                    }
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
        self.stats.add(mem::take(&mut self.counters));
        GroupResult {
            settled,
            stalled: committed.error.map(|error| Stalled { rest, error }),
        }
    }

    fn settle<T>(
        &mut self,
        delivery: Delivery<T>,
        command: &Command,
        verdict: Verdict,
    ) -> Settled<T> {
        match verdict {
            Verdict::Decided(decision) => self.decided(delivery, command, &decision),
            Verdict::Poisonous(error) => self.poisoned(delivery, command, &error),
        }
    }

    fn decided<T>(
        &mut self,
        delivery: Delivery<T>,
        command: &Command,
        decision: &Decision,
    ) -> Settled<T> {
        let settlement = match decision {
            Decision::Settled(outcome) => {
                self.counters.decided(
                    outcome.status() == ledger::Status::Completed,
                    outcome.replayed,
                );
                Settlement::Ack
            }
            Decision::Unapplied(refused) => {
                self.counters.decided(false, false);
                let code = refused.code.as_str();
                let reason: Cow<'static, str> = unapplied(refused.code).into();
                self.counters.dead.push(reason.clone());
                error!(
                    alarm = true,
                    user.id = command.user_id,
                    reference.id = command.reference_id,
                    sender = delivery.sender,
                    code,
                    "payment cannot be applied, replay its dead letter after the cause is fixed"
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

    fn poisoned<T>(
        &mut self,
        delivery: Delivery<T>,
        command: &Command,
        cause: &CommitError,
    ) -> Settled<T> {
        let error = cause.chain();
        let settlement = if delivery.attempt < MAX_ATTEMPTS {
            self.counters.delayed += 1;
            let attempt = delivery.attempt + 1;
            warn!(
                user.id = command.user_id,
                reference.id = command.reference_id,
                sender = delivery.sender,
                attempt,
                error,
                "database refused a command, delaying it"
            );
            Settlement::Delay(Delay { attempt, error })
        } else {
            self.counters.dead.push(POISON.into());
            error!(
                alarm = true,
                user.id = command.user_id,
                reference.id = command.reference_id,
                sender = delivery.sender,
                error,
                "database keeps refusing a command, dead-lettering it"
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

    /// Delays or dead-letters a delivery without processing it: `times` attempts took it, and none
    /// of them settled it.
    pub fn quarantine<T>(&mut self, delivery: Delivery<T>, times: u32) -> Settled<T> {
        let error = format!(
            "the message was taken {times} times and never settled; it may crash its worker"
        );
        let settlement = if delivery.attempt < MAX_ATTEMPTS {
            self.counters.delayed += 1;
            let attempt = delivery.attempt + 1;
            warn!(
                times,
                attempt,
                sender = delivery.sender,
                "message may have crashed its worker, delaying it"
            );
            Settlement::Delay(Delay { attempt, error })
        } else {
            self.counters.dead.push(POISON.into());
            error!(
                alarm = true,
                times,
                sender = delivery.sender,
                "message keeps crashing its worker, dead-lettering it"
            );
            Settlement::Dead(Dead {
                is_rejection: false,
                reason: POISON.into(),
                error,
                field: None,
                cut: None,
            })
        };
        self.stats.add(mem::take(&mut self.counters));
        Settled {
            delivery,
            settlement,
            reply: None,
        }
    }

    fn reject<T>(&mut self, mut delivery: Delivery<T>, rejection: Rejection) -> Settled<T> {
        let reason = rejection.code.as_str();
        self.counters.dead.push(reason.into());
        warn!(
            reason,
            sender = delivery.sender,
            field = rejection.field,
            error = rejection.message,
            "message rejected"
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
    let cause = delivery.unreadable.as_deref().unwrap_or_default();
    Rejection {
        code: RejectionCode::UnreadableProperties,
        message: format!(
            "the properties of the message cannot be read, so its dead letter has none: {cause}"
        ),
        field: None,
    }
}

fn without_exchange() -> Rejection {
    Rejection {
        code: RejectionCode::ForbiddenExchange,
        message: "the command was published to the queue directly; publish it to the exchange of \
                  its type"
            .to_owned(),
        field: None,
    }
}
