//! Serves one command queue.
//!
//! A message that crashes the process must not take its neighbors to the delivery limit. So
//! deliveries that the broker has delivered three times before are processed in small groups, and
//! those that it has delivered six times before are processed one at a time. Each is acknowledged
//! before the next, and a crash counter in the database counts how many attempts in a row took the
//! message. A message that was in hand in three crashes is delayed like a poison command, and its
//! neighbors proceed.
//!
//! The prefetch has its full size from the start, because a worker that dies while it holds only
//! one of several returned deliveries returns it behind the others. If it holds all of them, they
//! return in order.

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
    clock_wait::ClockWait,
    error::AmqpError,
    incoming::{self, Ticket},
    interruption::Interruption,
    options::InboundOptions,
    outgoing,
    publisher::Publisher,
    subscription::Subscription,
};
use crate::pipeline::{
    Admitted, Backoff, CommitError, LaneState, Ledger, Pipeline, Settled, Settlement, chain,
};

/// From this delivery count on, deliveries are processed in small groups.
const SUSPECT: u64 = 3;
/// The size of these groups.
const SMALL: usize = 100;
/// From this delivery count on, deliveries are processed one at a time.
const SINGLE: u64 = 6;
/// Attempts at a message, processed by itself, before it is delayed.
const TRIES: u32 = 3;

/// A lane holds a group this many times longer if the database refuses it than if the database is
/// unavailable. With the default of one minute that stays below the broker's limit of 30 minutes.
const REFUSED_LONGER: u32 = 20;
/// Longest time that a lane stays unsubscribed because everything is refused, as a multiple of the
/// hold time above: half a day.
const REFUSED_LONGEST: u32 = 36;

/// The deliveries behind a group, which may contain canaries.
#[derive(Clone, Copy, Debug)]
enum Behind<'a> {
    /// Deliveries that arrive meanwhile.
    Arrivals,
    /// These deliveries, which are in hand already.
    Gathered(&'a [Delivery]),
}

/// A lane: it serves one command queue.
#[derive(Debug)]
pub struct Lane<L> {
    queue: String,
    options: Arc<InboundOptions>,
    publisher: Publisher,
    pipeline: Pipeline<L>,
    stop: CancellationToken,
    /// Identity of the last message that this process handled by itself without a crash.
    harmless: Option<String>,
    /// Number of groups in a row that were requeued because the database refused several commands
    /// in a row.
    refusals: u32,
}

impl<L: Ledger> Lane<L> {
    /// A lane for `queue` that serves until `stop` is cancelled.
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

    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Subscribes and serves until interrupted. `registered` is called as soon as the broker has
    /// accepted the subscription.
    pub async fn serve(
        &mut self,
        connection: &Connection,
        registered: impl FnOnce() + Send,
    ) -> Interruption {
        let prefetch = self.options.prefetch();
        let worker = &self.options.worker;
        self.pipeline.stats().pulse.turn();
        let opened = Subscription::open(connection, &self.queue, worker, prefetch).await;
        let mut subscription = match opened {
            Ok(subscription) => subscription,
            Err(error) => return Interruption::Broker(error),
        };
        self.pipeline.stats().subscribed();
        self.pipeline.stats().state.set(LaneState::Standby);
        registered();
        info!(prefetch, "registered");
        let interruption = match self.serve_groups(&mut subscription).await {
            Ok(never) => match never {},
            Err(interruption) => interruption,
        };
        subscription.close().await;
        interruption
    }

    async fn serve_groups(
        &mut self,
        subscription: &mut Subscription,
    ) -> Result<Infallible, Interruption> {
        let stop = self.stop.clone();
        let group_max = usize::from(self.options.group_max.max(1));
        loop {
            self.pipeline.stats().pulse.rest();
            let group = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Interruption::Drained),
                group = subscription.gather(group_max) => group?,
            };
            self.record_start(&group);
            let count = incoming::delivery_count;
            let most = group.iter().map(count).max().unwrap_or(0);
            let mut rest = VecDeque::from(group);
            if most < SUSPECT {
                self.process(subscription, rest.into(), Behind::Arrivals)
                    .await?;
            } else if most < SINGLE {
                while !rest.is_empty() {
                    let few = rest.drain(..rest.len().min(SMALL)).collect();
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.process(subscription, few, behind).await?;
                }
            } else {
                while let Some(delivery) = rest.pop_front() {
                    let behind = Behind::Gathered(rest.make_contiguous());
                    self.process_single(subscription, delivery, behind).await?;
                }
            }
        }
    }

    /// Processes one delivery by itself. If its crash counter exceeds the limit, it is delayed or
    /// dead-lettered instead, without being processed.
    async fn process_single(
        &mut self,
        subscription: &mut Subscription,
        delivery: Delivery,
        behind: Behind<'_>,
    ) -> Result<(), Interruption> {
        let message = incoming::identity(&delivery);
        if self.harmless.as_ref() == Some(&message) {
            // A copy of the message that this process has just survived.
            return self.process(subscription, vec![delivery], behind).await;
        }
        // If the database does not answer, the attempt is not counted, and `process` waits for the
        // database.
        let attempts = self
            .pipeline
            .ledger()
            .record_attempt(&self.queue, &message)
            .await
            .unwrap_or(1);
        if attempts <= TRIES {
            let processed = self.process(subscription, vec![delivery], behind).await;
            if processed.is_ok() {
                self.harmless = Some(message);
            } else {
                // The attempt failed without a crash. If this call fails, too, the counter stays
                // one too high.
                let _ = self.pipeline.ledger().clear_attempts(&self.queue).await;
            }
            return processed;
        }
        let now = self.clock().before_deciding(1).await?;
        let delivery = incoming::read(&self.options.topology, delivery, now);
        let settled = self.pipeline.set_apart(delivery, attempts);
        self.settle(subscription, vec![settled]).await
    }

    /// Processes one group, with as many retries as it takes, until it is settled or the lane is
    /// interrupted.
    async fn process(
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
            let Some(stalled) = pass.stalled else {
                if retried {
                    self.pipeline.stats().state.set(LaneState::Serving);
                }
                if since.is_some() {
                    info!("database is available again");
                }
                return Ok(());
            };
            group = stalled.rest;
            self.pipeline.stats().retried(stalled.trouble.kind());
            self.pipeline.stats().state.set(match stalled.trouble {
                CommitError::Infrastructure(_) => LaneState::Retrying,
                CommitError::Poison(_) => LaneState::Alarmed,
            });
            retried = true;
            let failing = *since.get_or_insert_with(Instant::now);
            report(&stalled.trouble, group.len(), failing.elapsed());
            // Each requeue counts towards the delivery limit. While the database refuses several
            // commands in a row, the only use of a requeue is that the next group contains newer
            // deliveries.
            let hold = match stalled.trouble {
                CommitError::Infrastructure(_) => self.options.requeue_after,
                CommitError::Poison(_) => self.options.requeue_after * REFUSED_LONGER,
            };
            if failing.elapsed() >= hold {
                self.pipeline.stats().requeued();
                self.refusals += u32::from(matches!(stalled.trouble, CommitError::Poison(_)));
                return Err(Interruption::Database(commands(group)));
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(Interruption::Drained),
                () = sleep(backoff.wait()) => {}
            }
            now = self.clock().before_deciding(group.len()).await?;
            if matches!(stalled.trouble, CommitError::Infrastructure(_)) {
                continue;
            }
            // A canary behind the group may show that the database is not the cause.
            match behind {
                Behind::Arrivals => {
                    let free = usize::from(self.options.prefetch()).saturating_sub(group.len());
                    let more = subscription.arrived(free)?;
                    group.extend(self.admit(more, now));
                }
                Behind::Gathered(deliveries) => {
                    let topology = &self.options.topology;
                    let decode = |delivery| incoming::command(topology, delivery);
                    let canaries: Vec<Command> = deliveries.iter().filter_map(decode).collect();
                    // If the database does not answer, the next attempt fails and reports it.
                    let _ = self.pipeline.probe_canaries(&canaries, now).await;
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

    /// Records that the lane serves a group, and the age of its first command.
    fn record_start(&self, group: &[Delivery]) {
        let stats = self.pipeline.stats();
        stats.pulse.turn();
        stats.state.set(LaneState::Serving);
        if let Some(sent) = group.first().and_then(incoming::sent) {
            let age = self.options.clock.now() - sent;
            // `sent` is by the sender's clock, which may be ahead.
            stats.waited(age.to_std().unwrap_or_default());
        }
    }

    fn admit(&self, messages: Vec<Delivery>, now: DateTime<Utc>) -> Vec<Admitted<Ticket>> {
        let admit = |message: Delivery| {
            let topology = &self.options.topology;
            let delivery = incoming::read(topology, message, now);
            let (properties, sender) = (&delivery.ticket.properties, delivery.sender.as_deref());
            self.publisher
                .replies()
                .look_at(topology, properties, sender);
            self.pipeline.admit(delivery)
        };
        messages.into_iter().map(admit).collect()
    }

    /// Carries out settlements: replies first, then dead letters and delayed messages, then the
    /// acknowledgement.
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
                Settlement::Delay(delay) => {
                    letters.push(outgoing::delayed(topology, delivery, &delay));
                }
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
            // A sender waits for its reply and nothing waits for the acknowledgement, so the
            // publisher runs first.
            yield_now().await;
        }
        subscription.ack_through(last).await?;
        Ok(())
    }

    /// Returns when the clock is not known to be wrong, or when the lane must stop.
    pub async fn wait_for_clock(&self) {
        self.clock().before_subscribing().await;
    }

    /// Returns when the database answers and would commit `waiting`, or when the lane must stop. An
    /// earlier subscription would be useless: each requeue counts towards the delivery limit. A
    /// database that refuses `waiting` may accept newer commands, so the method also returns after
    /// a pause.
    pub async fn wait_for_database(&self, waiting: &[Command]) {
        let mut backoff = Backoff::new(self.options.retry_limit);
        let (began, pause) = (Instant::now(), self.pause_after_refusals());
        loop {
            self.pipeline.stats().pulse.turn();
            let probed = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                probed = self.probe(waiting) => probed,
            };
            let state = match probed {
                Ok(()) => return,
                Err(CommitError::Poison(_)) if began.elapsed() >= pause => return,
                Err(error @ CommitError::Poison(_)) => {
                    report(&error, waiting.len(), began.elapsed());
                    LaneState::Alarmed
                }
                Err(error) => {
                    warn!(
                        error = error.chain(),
                        "not subscribed, database is unavailable"
                    );
                    LaneState::AwaitingDatabase
                }
            };
            self.pipeline.stats().state.set(state);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.wait()) => {}
            }
        }
    }

    /// How long the lane stays unsubscribed while everything is refused: no time at first, then
    /// longer each time, because the broker dead-letters a message that was requeued 50 times.
    fn pause_after_refusals(&self) -> Duration {
        let Some(doublings) = self.refusals.checked_sub(2) else {
            return Duration::ZERO;
        };
        let hold = self.options.requeue_after * REFUSED_LONGER;
        hold * REFUSED_LONGEST.min(1 << doublings.min(31))
    }

    /// Checks that the database answers and would commit `waiting`.
    async fn probe(&self, waiting: &[Command]) -> Result<(), CommitError> {
        let ledger = self.pipeline.ledger();
        ledger.probe().await?;
        if !waiting.is_empty() {
            ledger.dry_run(waiting, self.options.clock.now()).await?;
        }
        Ok(())
    }
}

/// The decoded commands of a group.
fn commands(group: Vec<Admitted<Ticket>>) -> Vec<Command> {
    group
        .into_iter()
        .filter_map(|admitted| admitted.verdict.ok())
        .collect()
}

fn report(cause: &CommitError, waiting: usize, failing: Duration) {
    let (error, code) = (chain(cause), cause.code());
    let failing_ms = u64::try_from(failing.as_millis()).unwrap_or(u64::MAX);
    match cause {
        CommitError::Infrastructure(_) => {
            warn!(
                error,
                code, waiting, failing_ms, "group commit failed, retrying"
            );
        }
        CommitError::Poison(_) => error!(
            error,
            code,
            waiting,
            failing_ms,
            alarm = true,
            "database refuses several commands in a row, nothing is dead-lettered"
        ),
    }
}
