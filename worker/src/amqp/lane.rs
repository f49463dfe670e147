//! Serves one command queue.
//!
//! A message that kills the process must not take its neighbours to the delivery limit. So what the broker has
//! handed out three times before is taken through the ledger in small groups, and what it has handed out six times
//! before one delivery at a time, each acknowledged before the next, while the database counts how often in a row a
//! message was taken alone. One that was in hand three times when its worker died goes through the delay queue like
//! any poison, and its neighbours go on.
//!
//! Deliveries are prefetched by the thousand from the start, since a worker that dies while it holds one of several
//! deliveries that came back gives it back behind the others; when it holds them all they go back in order.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use lapin::{Connection, message::Delivery};
use ledger::Command;
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    AmqpError, InboundOptions,
    clock_wait::ClockWait,
    incoming::{self, Ticket},
    outgoing,
    publisher::{Publisher, Stopped},
    subscription::Subscription,
};
use crate::lane::{Admitted, Backoff, Condition, Ledger, Pipeline, Settled, Settlement, Trouble, chain};

/// From this delivery count on deliveries are taken in small groups.
const SUSPECT: u64 = 3;
/// The size of those.
const SMALL: usize = 100;
/// From this delivery count on deliveries are taken one at a time.
const ALONE: u64 = 6;
/// This often a message is taken alone without an answer before the others have their turn.
const TRIES: u32 = 3;

/// A group that the database refuses is held so many times longer than one that it cannot be asked about. With the
/// default of a minute that is well below the broker's limit of 30 minutes.
const REFUSED_LONGER: u32 = 20;
/// The longest that a lane stays unsubscribed because everything is refused, as so many times the above: half a day.
const REFUSED_LONGEST: u32 = 36;

/// Why a lane stopped serving.
#[derive(Debug)]
pub enum Interruption {
    /// It was asked to.
    Drained,
    /// The database has been away for too long; what was not settled is back in the queue. These are the first of it.
    Database(Vec<Command>),
    /// The clocks have differed for too long; what was not settled is back in the queue.
    Clock,
    /// The broker, or the way to it.
    Broker(AmqpError),
}

impl From<AmqpError> for Interruption {
    fn from(error: AmqpError) -> Self {
        Self::Broker(error)
    }
}

impl From<Stopped> for Interruption {
    fn from(_: Stopped) -> Self {
        Self::Drained
    }
}

/// What comes behind a group.
#[derive(Clone, Copy, Debug)]
enum Behind<'a> {
    /// What arrives.
    Arrivals,
    /// First of all these, which are in hand already.
    Gathered(&'a [Delivery]),
}

/// Serves one command queue.
#[derive(Debug)]
pub struct Lane<L> {
    queue: String,
    options: Arc<InboundOptions>,
    publisher: Publisher,
    pipeline: Pipeline<L>,
    stop: CancellationToken,
    harmless: Option<String>,
    /// So many groups in a row went back because the database refused one command after the other.
    refusals: u32,
}

impl<L: Ledger> Lane<L> {
    /// A lane for `queue` that goes on until `stop`.
    pub fn new(
        queue: String,
        options: Arc<InboundOptions>,
        publisher: Publisher,
        pipeline: Pipeline<L>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            queue,
            options,
            publisher,
            pipeline,
            stop,
            harmless: None,
            refusals: 0,
        }
    }

    /// The queue that it serves.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Subscribes and serves until something gets in the way. `registered` is called when the lane has its
    /// place in the line of workers.
    pub async fn serve(&mut self, connection: &Connection, registered: impl FnOnce() + Send) -> Interruption {
        let prefetch = self.options.prefetch();
        let worker = &self.options.worker;
        self.pipeline.stats().pulse.turn();
        let opened = Subscription::open(connection, &self.queue, worker, prefetch).await;
        let mut subscription = match opened {
            Ok(subscription) => subscription,
            Err(error) => return Interruption::Broker(error),
        };
        self.pipeline.stats().subscribed();
        self.pipeline.stats().condition.set(Condition::Standby);
        registered();
        info!(prefetch, "registered");
        let interruption = match self.go_on(&mut subscription).await {
            Ok(never) => match never {},
            Err(interruption) => interruption,
        };
        subscription.close().await;
        interruption
    }

    async fn go_on(&mut self, subscription: &mut Subscription) -> Result<Infallible, Interruption> {
        let stop = self.stop.clone();
        let group_max = usize::from(self.options.group_max.max(1));
        loop {
            self.pipeline.stats().pulse.rest();
            let group = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Interruption::Drained),
                group = subscription.gather(group_max) => group?,
            };
            self.taken(&group);
            let times = incoming::delivery_count;
            let most = group.iter().map(times).max().unwrap_or(0);
            let mut rest = VecDeque::from(group);
            if most < SUSPECT {
                self.work(subscription, rest.into(), Behind::Arrivals).await?;
            } else if most < ALONE {
                while !rest.is_empty() {
                    let few = rest.drain(..rest.len().min(SMALL)).collect();
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.work(subscription, few, behind).await?;
                }
            } else {
                while let Some(delivery) = rest.pop_front() {
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.try_alone(subscription, delivery, behind).await?;
                }
            }
        }
    }

    /// Takes one delivery through the ledger, unless it was in hand too often when a worker died: then it goes
    /// through the delay queue, without being looked into.
    async fn try_alone(
        &mut self,
        subscription: &mut Subscription,
        delivery: Delivery,
        behind: Behind<'_>,
    ) -> Result<(), Interruption> {
        let message = incoming::identity(&delivery);
        if self.harmless.as_ref() == Some(&message) {
            // Another copy of what this process has just survived.
            return self.work(subscription, vec![delivery], behind).await;
        }
        // Without the database nothing is tried at all; the work itself waits for it.
        let tries = self
            .pipeline
            .ledger()
            .take_alone(&self.queue, &message)
            .await
            .unwrap_or(1);
        if tries <= TRIES {
            let worked = self.work(subscription, vec![delivery], behind).await;
            if worked.is_ok() {
                self.harmless = Some(message);
            } else {
                // Whatever went wrong, the message has killed nobody. If this fails, too, it counts once too often.
                let _ = self.pipeline.ledger().forget_alone(&self.queue).await;
            }
            return worked;
        }
        let now = self.clock().before_deciding(1).await?;
        let delivery = incoming::read(&self.options.topology, delivery, now);
        let settled = self.pipeline.set_apart(delivery, tries);
        self.settle(subscription, vec![settled]).await
    }

    /// Takes one group through the ledger, however often that has to be tried.
    async fn work(
        &mut self,
        subscription: &mut Subscription,
        group: Vec<Delivery>,
        behind: Behind<'_>,
    ) -> Result<(), Interruption> {
        let mut now = self.clock().before_deciding(group.len()).await?;
        let mut group = self.admit(group, now);
        self.pipeline.stats().pulse.turn();
        let mut backoff = Backoff::new(self.options.retry_limit);
        let mut since = None;
        let mut retried = false;
        loop {
            let pass = self.pipeline.pass(group, now).await;
            if !pass.settled.is_empty() {
                since = None;
                self.refusals = 0;
                backoff.reset();
            }
            self.settle(subscription, pass.settled).await?;
            self.pipeline.stats().pulse.turn();
            let Some(halt) = pass.halt else {
                if retried {
                    self.pipeline.stats().condition.set(Condition::Serving);
                }
                if since.is_some() {
                    info!("the database is back");
                }
                return Ok(());
            };
            group = halt.rest;
            self.pipeline.stats().retried(halt.trouble.kind());
            self.pipeline.stats().condition.set(match halt.trouble {
                Trouble::Infrastructure(_) => Condition::Retrying,
                Trouble::Poison(_) => Condition::Alarmed,
            });
            retried = true;
            let away = *since.get_or_insert_with(Instant::now);
            report(&halt.trouble, group.len(), away.elapsed());
            // Every time that deliveries go back counts towards their delivery limit. While the database refuses one
            // command after the other nothing is gained by it, but that the next group holds what has come since.
            let patience = match halt.trouble {
                Trouble::Infrastructure(_) => self.options.give_back_after,
                Trouble::Poison(_) => self.options.give_back_after * REFUSED_LONGER,
            };
            if away.elapsed() >= patience {
                self.pipeline.stats().gave_back();
                self.refusals += u32::from(matches!(halt.trouble, Trouble::Poison(_)));
                return Err(Interruption::Database(commands(group)));
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(Interruption::Drained),
                () = sleep(backoff.wait()) => {}
            }
            now = self.clock().before_deciding(group.len()).await?;
            if matches!(halt.trouble, Trouble::Infrastructure(_)) {
                continue;
            }
            // What comes behind may show that it is not the database.
            match behind {
                Behind::Arrivals => {
                    let room = usize::from(self.options.prefetch()).saturating_sub(group.len());
                    let more = subscription.arrived(room)?;
                    group.extend(self.admit(more, now));
                }
                Behind::Gathered(deliveries) => {
                    let topology = &self.options.topology;
                    let decode = |delivery| incoming::command(topology, delivery);
                    let witnesses: Vec<Command> = deliveries.iter().filter_map(decode).collect();
                    // If it cannot be asked, the next pass will say so.
                    let _ = self.pipeline.acquit(&witnesses, now).await;
                }
            }
        }
    }

    fn clock(&self) -> ClockWait<'_> {
        ClockWait {
            options: &self.options,
            stats: self.pipeline.stats(),
            stop: &self.stop,
        }
    }

    /// Shows that the lane is served, and how long its first command has waited.
    fn taken(&self, group: &[Delivery]) {
        let stats = self.pipeline.stats();
        stats.pulse.turn();
        stats.condition.set(Condition::Serving);
        if let Some(sent) = group.first().and_then(incoming::sent) {
            let age = self.options.clock.now() - sent;
            // By the sender's clock, which may be ahead.
            stats.waited(age.to_std().unwrap_or_default());
        }
    }

    fn admit(&self, messages: Vec<Delivery>, now: DateTime<Utc>) -> Vec<Admitted<Ticket>> {
        let admit = |message: Delivery| {
            let topology = &self.options.topology;
            let delivery = incoming::read(topology, message, now);
            let (properties, sender) = (&delivery.ticket.properties, delivery.sender.as_deref());
            self.publisher.replies().look_at(topology, properties, sender);
            self.pipeline.admit(delivery)
        };
        messages.into_iter().map(admit).collect()
    }

    /// Carries out what is settled: replies, then what is set aside or delayed, then the acknowledgement.
    async fn settle(
        &self,
        subscription: &Subscription,
        settled: Vec<Settled<Ticket>>,
    ) -> Result<(), Interruption> {
        let Some(last) = settled.last().map(|settled| settled.delivery.ticket.tag) else {
            return Ok(());
        };
        let mut letters = Vec::new();
        let mut is_awaited = false;
        for Settled {
            delivery,
            settlement,
            reply,
        } in settled
        {
            if let Some(reply) = reply {
                self.publisher.reply(reply);
                is_awaited = true;
            }
            let topology = &self.options.topology;
            match settlement {
                Settlement::Ack => {}
                Settlement::Delay(delay) => letters.push(outgoing::delayed(topology, delivery, &delay)),
                Settlement::Dead(dead) => {
                    if self.publisher.rejections().keeps(&delivery, &dead) {
                        let now = self.options.clock.now();
                        letters.push(outgoing::dead(topology, delivery, &dead, now));
                    }
                }
            }
        }
        if !letters.is_empty() {
            self.publisher.publish(letters).await?;
        }
        if is_awaited {
            // Somebody waits for a reply, and nobody for the acknowledgement: the publisher goes first.
            yield_now().await;
        }
        subscription.ack_through(last).await?;
        Ok(())
    }

    /// Returns when the clock is right as far as it can be told, or when the lane is to stop.
    pub async fn wait_for_clock(&self) {
        self.clock().before_subscribing().await;
    }

    /// Returns when the database answers and would commit `waiting`, or when the lane is to stop. Without it there is
    /// no point in subscribing: every delivery that goes back counts towards the delivery limit. A database that refuses
    /// `waiting` may take what has come since, so that is tried now and then.
    pub async fn wait_for_database(&self, waiting: &[Command]) {
        let mut backoff = Backoff::new(self.options.retry_limit);
        let (began, patience) = (Instant::now(), self.patience_with_refusals());
        loop {
            self.pipeline.stats().pulse.turn();
            let probed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                probed = self.probe(waiting) => probed,
            };
            let condition = match probed {
                Ok(()) => return,
                Err(Trouble::Poison(_)) if began.elapsed() >= patience => return,
                Err(trouble @ Trouble::Poison(_)) => {
                    report(&trouble, waiting.len(), began.elapsed());
                    Condition::Alarmed
                }
                Err(trouble) => {
                    warn!(
                        error = trouble.chain(),
                        "not subscribed, because the database is away"
                    );
                    Condition::AwaitingDatabase
                }
            };
            self.pipeline.stats().condition.set(condition);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// How long to stay away while everything is refused: the first time not at all, then longer each time, since the
    /// broker makes a dead letter of what has gone back 50 times.
    fn patience_with_refusals(&self) -> Duration {
        let Some(times) = self.refusals.checked_sub(2) else {
            return Duration::ZERO;
        };
        let held = self.options.give_back_after * REFUSED_LONGER;
        held * REFUSED_LONGEST.min(1 << times.min(31))
    }

    /// Whether the database answers, and would commit `waiting`.
    async fn probe(&self, waiting: &[Command]) -> Result<(), Trouble> {
        let ledger = self.pipeline.ledger();
        ledger.probe().await?;
        if !waiting.is_empty() {
            ledger.rehearse(waiting, self.options.clock.now()).await?;
        }
        Ok(())
    }
}

/// What was decoded of a group.
fn commands(group: Vec<Admitted<Ticket>>) -> Vec<Command> {
    group
        .into_iter()
        .filter_map(|admitted| admitted.verdict.ok())
        .collect()
}

fn report(trouble: &Trouble, waiting: usize, away: Duration) {
    let (error, code) = (chain(trouble), trouble.code());
    let away_ms = u64::try_from(away.as_millis()).unwrap_or(u64::MAX);
    match trouble {
        Trouble::Infrastructure(_) => {
            warn!(
                error,
                code, waiting, away_ms, "nothing can be committed; trying again"
            );
        }
        Trouble::Poison(_) => error!(
            error,
            code,
            waiting,
            away_ms,
            alarm = true,
            "the database refuses one command after the other: it is not the commands; nothing is set aside"
        ),
    }
}
